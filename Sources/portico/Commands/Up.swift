import ArgumentParser
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

    @OptionGroup
    var serving: ServingOptions

    func run() async throws {
        let path = template ?? "template.yaml"
        let (folder, parameters, asked) = (path, parameter, template != nil)
        var configuration = serving.configuration()
        configuration.takesOver = takeover
        let node = try Node(configuration) {
            try Stack(templatePath: folder, parameters: parameters, mayBeAbsent: !asked)
        }
        try await node.run()
    }
}
