import ArgumentParser
import Executor
import Foundation

/// Serves a stack until told to stop.
struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a template: distributions, load balancers, APIs and their functions."
    )

    @Option(help: "The CloudFormation or SAM template; without one an empty endpoint starts.")
    var template: String?

    @Option(help: "A parameter as Name=Value. May be given more than once.")
    var parameter: [String] = []

    @Flag(
        help:
            "Takes ports and web apps over from the node that has the state folder, which serves what it has begun and ends."
    )
    var takeover = false

    @Option(
        help: ArgumentHelp(
            "A function, by name or logical id, to which a debugger may attach: one environment of it runs, "
                + "and its time limit is held while one is attached.",
            valueName: "name"
        )
    )
    var debug: String?

    @Option(
        help: ArgumentHelp(
            "Where the debugger attaches, on loopback. (default: 9229 for Node.js, 5678 for Python)",
            valueName: "port"
        )
    )
    var debugPort: Int?

    @OptionGroup
    var serving: ServingOptions

    func validate() throws {
        if debug != nil, serving.isolation.level == .noNetwork {
            throw ValidationError(
                "--debug needs a network: it goes with --isolation process or namespaces"
            )
        }
        guard let debugPort else { return }
        guard debug != nil else { throw ValidationError("--debug-port needs --debug") }
        guard (1...65_535).contains(debugPort) else {
            throw ValidationError("--debug-port takes a port from 1 to 65535")
        }
    }

    func run() async throws {
        let path = template ?? "template.yaml"
        let (folder, parameters, asked) = (path, parameter, template != nil)
        var configuration = serving.configuration()
        configuration.takesOver = takeover
        configuration.debug = debug
        configuration.debugPort = debugPort
        let node = try Node(configuration) {
            try Stack(templatePath: folder, parameters: parameters, mayBeAbsent: !asked)
        }
        try await node.run()
    }
}
