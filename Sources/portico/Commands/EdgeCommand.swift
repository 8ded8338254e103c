import ArgumentParser
import Foundation
import Replication

/// Serves as an edge of its own process or machine.
struct EdgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Run an edge: viewer traffic and functions, from a replica of the registry."
    )

    @Option(help: "Where primaries (or a relay) take edges: https://host:port, more after commas.")
    var primary: String

    @Option(help: "The edge's name: lower-case letters, digits and -.")
    var name: String

    @Option(help: "The token of `portico join-token`; needed once.")
    var token: String?

    @Option(help: "The address to bind. May be given more than once.")
    var bind: [String] = ["127.0.0.1", "::1"]

    @Option(help: "The port that stands for 443; 0 takes any free one.")
    var httpsPort = 8443

    @Option(help: "The port that stands for 80; 0 takes any free one.")
    var httpPort = 8080

    @Option(help: "Makes this edge a relay: the address and port at which others follow it.")
    var relay: ListenAddress?

    @Option(help: "local: a budget of processes per function; aws: one per concurrent request.")
    var concurrency = ServingOptions.Concurrency.local

    @OptionGroup
    var isolation: IsolationOptions

    @OptionGroup
    var care: CareOptions

    @OptionGroup
    var disk: DiskCacheOptions

    @OptionGroup
    var role: RoleOptions

    @OptionGroup
    var feed: FeedOptions

    mutating func validate() throws {
        guard EdgeRecord.isName(name) else {
            throw ValidationError("--name takes 1 to 63 lower-case letters, digits and -")
        }
        guard !primaries.isEmpty, primaries.count == primary.split(separator: ",").count else {
            throw ValidationError("--primary takes URLs such as https://registry.example:9443")
        }
        if let token, JoinToken(token)?.name != name {
            throw ValidationError("--token is not a join token for the edge '\(name)'")
        }
        try FlagChecks.ports(httpsPort, httpPort)
    }

    private var primaries: [PrimaryAddress] {
        primary.split(separator: ",").compactMap { PrimaryAddress(url: String($0)) }
    }

    func run() async throws {
        let options = EdgeRole.Options(
            name: name,
            primaries: primaries,
            token: token.flatMap { JoinToken($0) },
            settings: feed.settings,
            relay: relay.map { ($0.address, $0.port) },
            faultPoint: try FaultPoint.fromEnvironment()
        )
        var configuration = role.configuration(
            addresses: bind,
            httpsPort: httpsPort,
            httpPort: httpPort,
            edge: name,
            liftsProcessBudget: concurrency == .aws
        )
        isolation.apply(to: &configuration)
        configuration.care = care.care
        configuration.diskCache = disk.settings(state: configuration.state)
        try await EdgeRole(configuration, options).run()
    }
}
