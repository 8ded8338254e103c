import ArgumentParser
import Edge
import Foundation

/// The flags that `up` and `try` share.
struct ServingOptions: ParsableArguments {
    @Option(help: "The folder for the registry, edges and logs.")
    var state = ".portico"

    @Option(help: "The address to bind. May be given more than once.")
    var bind: [String] = ["127.0.0.1", "::1"]

    @Option(help: "The port that stands for 443; 0 takes any free one.")
    var httpsPort = 8443

    @Option(help: "The port that stands for 80; 0 takes any free one.")
    var httpPort = 8080

    @Option(help: "The port of the AWS APIs, on loopback only; 0 takes any free one.")
    var apiPort = 4566

    @Option(help: "Names of the edges, separated by commas.")
    var edges = "iad"

    @Option(help: "How many reactors serve; default one per core.")
    var reactors: Int?

    @Option(help: "local: a budget of processes per function; aws: one per concurrent request.")
    var concurrency = Concurrency.local

    @OptionGroup
    var isolation: IsolationOptions

    @Flag(help: "Stops functions between invocations, as AWS does: what they left running waits.")
    var freeze = false

    @Flag(
        help:
            "Throttles ten requests a second for each unit of concurrency, and environments beyond AWS's scaling rate."
    )
    var rateLimits = false

    @Option(help: "How log lines are written.")
    var logFormat = LogFormat.text

    @Option(help: "How distributions with Logging write their access logs: w3c or json.")
    var accessLog = AccessLogFormat.w3c

    @Flag(help: "Uses results of functions that AWS would refuse, and says so in each answer.")
    var lenient = false

    @Flag(
        help:
            "Refuses addresses, localhost and low ports as origins that functions choose, as AWS does."
    )
    var strictOrigins = false

    @Flag(help: "Keeps errors of functions at origin events for the error caching time.")
    var cacheFunctionErrors = false

    @Flag(help: "Puts a cache that all edges share between them and the origins.")
    var regionalCache = false

    @OptionGroup
    var disk: DiskCacheOptions

    @Flag(help: "Leaves errors of signed requests without custom error pages.")
    var plainSignatureErrors = false

    @Option(
        help: ArgumentHelp(
            "A file of access keys in the form of AWS's credentials file; then signatures are checked.",
            valueName: "file"
        )
    )
    var credentials: String?

    @Option(
        name: .customLong("edge-setting"),
        help: ArgumentHelp(
            "How the edge does what AWS's pages leave open. May be given more than once.",
            valueName: "name=value"
        )
    )
    var edgeSetting: [String] = []

    @OptionGroup
    var codeStorage: CodeStorageOption

    @OptionGroup
    var care: CareOptions

    @OptionGroup
    var tracing: TracingOptions

    /// How far a function may spread.
    enum Concurrency: String, ExpressibleByArgument, CaseIterable { case local, aws }

    /// How log lines are written.
    enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

    mutating func validate() throws {
        try FlagChecks.ports(httpsPort, httpPort, apiPort)
        guard !edgeNames.isEmpty, edgeNames.count <= NodeConfiguration.maximumEdges,
            Set(edgeNames).count == edgeNames.count,
            edgeNames.allSatisfy({ name in
                !name.isEmpty
                    && name.allSatisfy { ($0.isASCII && $0.isLetter) || $0.isNumber || $0 == "-" }
            })
        else {
            throw ValidationError(
                "--edges takes 1 to \(NodeConfiguration.maximumEdges) different names of letters, digits and -"
            )
        }
        try FlagChecks.reactors(reactors)
        var tried = EdgeSettings()
        for text in edgeSetting {
            if let problem = OpenPoint.set(text, in: &tried) {
                throw ValidationError("--edge-setting: \(problem)")
            }
        }
        if let credentials { _ = try CredentialsFile.read(credentials) }
    }

    private var edgeSettings: EdgeSettings {
        var settings = EdgeSettings()
        settings.isLenient = lenient
        settings.hasRegionalCache = regionalCache
        settings.acceptsLocalOrigins = !strictOrigins
        settings.cachesFunctionErrors = cacheFunctionErrors
        settings.pagesForSignatureErrors = !plainSignatureErrors
        for text in edgeSetting { _ = OpenPoint.set(text, in: &settings) }
        return settings
    }

    var edgeNames: [String] { edges.split(separator: ",").map { $0.lowercased() } }

    /// What no flag was given for.
    static let defaultConfiguration = NodeConfiguration(
        state: ".portico",
        addresses: ["127.0.0.1", "::1"],
        httpsPort: 8443,
        httpPort: 8080,
        apiPort: 4566,
        edges: ["iad"],
        reactors: 1,
        liftsProcessBudget: false,
        logsJSON: false
    )

    /// What a node is built from, apart from what it serves.
    func configuration() -> NodeConfiguration {
        let state = URL(fileURLWithPath: state).standardizedFileURL.path
        var configuration = NodeConfiguration(
            state: state,
            addresses: bind,
            httpsPort: httpsPort,
            httpPort: httpPort,
            apiPort: apiPort,
            edges: edgeNames,
            reactors: reactors ?? max(1, ProcessInfo.processInfo.activeProcessorCount),
            liftsProcessBudget: concurrency == .aws,
            logsJSON: logFormat == .json,
            edge: edgeSettings,
            accessLog: accessLog,
            care: care.care,
            diskCache: disk.settings(state: state)
        )
        isolation.apply(to: &configuration)
        configuration.freezes = freeze
        configuration.codeStorage = codeStorage.bytes
        configuration.limitsRates = rateLimits
        configuration.tracing = tracing.destination
        configuration.signingKeys = credentials.flatMap { try? CredentialsFile.read($0) }
        return configuration
    }
}

extension AccessLogFormat: ExpressibleByArgument {}
