import ArgumentParser
import Foundation
import Replication

/// The intervals of the feed, which both sides take.
struct FeedOptions: ParsableArguments {
    @Option(help: "Seconds between two signs of life.")
    var heartbeat = 5.0

    @Option(help: "Seconds of silence after which the other side counts as gone.")
    var silence = 15.0

    @Option(help: "Seconds between two comparisons of whole states.")
    var compareEvery = 60.0

    @Option(help: "The longest pause in seconds before an edge tries to connect again.")
    var longestRetry = 10.0

    @Option(help: "Days for which an edge's certificate is valid; renewed in the last third.")
    var certificateDays = 30.0

    mutating func validate() throws {
        for (name, value) in [
            ("--heartbeat", heartbeat), ("--silence", silence), ("--compare-every", compareEvery),
            ("--longest-retry", longestRetry),
        ] where !(0.01...86_400).contains(value) {
            throw ValidationError("\(name) takes 0.01 to 86400 seconds")
        }
        guard silence > heartbeat else {
            throw ValidationError("--silence has to be longer than --heartbeat")
        }
        guard (0.001...3650).contains(certificateDays) else {
            throw ValidationError("--certificate-days takes 0.001 to 3650")
        }
    }

    var settings: FeedSettings {
        var settings = FeedSettings()
        settings.heartbeat = .seconds(heartbeat)
        settings.silence = .seconds(silence)
        settings.hashInterval = .seconds(compareEvery)
        settings.longestRetry = .seconds(longestRetry)
        settings.firstRetry = min(settings.firstRetry, settings.longestRetry)
        settings.certificateLife = Int(certificateDays * 86_400)
        return settings
    }
}

/// An address and port as `--listen` takes them.
struct ListenAddress: ExpressibleByArgument {
    var address: String
    var port: Int

    init(address: String, port: Int) {
        self.address = address
        self.port = port
    }

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"),
            let port = Int(argument[argument.index(after: colon)...]), (0...65535).contains(port),
            colon > argument.startIndex
        else { return nil }
        var address = String(argument[..<colon])
        if address.hasPrefix("["), address.hasSuffix("]") {
            address = String(address.dropFirst().dropLast())
        }
        self.address = address
        self.port = port
    }

    var defaultValueDescription: String { "\(address):\(port)" }
}

/// What the roles of several machines share with `up`.
struct RoleOptions: ParsableArguments {
    @Option(help: "The folder for what this node keeps.")
    var state = ".portico"

    @Option(help: "The port of this node's API, on loopback only; 0 takes any free one.")
    var apiPort = 4566

    @Option(help: "How many reactors serve; default one per core.")
    var reactors: Int?

    @Option(help: "How log lines are written.")
    var logFormat = ServingOptions.LogFormat.text

    @Option(
        help: ArgumentHelp(
            "A file of access keys in the form of AWS's credentials file; then signatures are checked.",
            valueName: "file"
        )
    )
    var credentials: String?

    @OptionGroup
    var tracing: TracingOptions

    mutating func validate() throws {
        try FlagChecks.ports(apiPort)
        try FlagChecks.reactors(reactors)
        if let credentials { _ = try CredentialsFile.read(credentials) }
    }

    /// The state folder as an absolute path.
    var statePath: String { URL(fileURLWithPath: state).standardizedFileURL.path }

    func configuration(
        addresses: [String] = [],
        httpsPort: Int = 0,
        httpPort: Int = 0,
        edge: String,
        liftsProcessBudget: Bool = false
    ) -> NodeConfiguration {
        var configuration = NodeConfiguration(
            state: statePath,
            addresses: addresses,
            httpsPort: httpsPort,
            httpPort: httpPort,
            apiPort: apiPort,
            edges: [edge],
            reactors: reactors ?? max(1, ProcessInfo.processInfo.activeProcessorCount),
            liftsProcessBudget: liftsProcessBudget,
            logsJSON: logFormat == .json
        )
        configuration.tracing = tracing.destination
        configuration.signingKeys = credentials.flatMap { try? CredentialsFile.read($0) }
        return configuration
    }
}
