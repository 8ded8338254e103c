import ArgumentParser
import Foundation

/// Serves as a primary: AWS APIs, feed and archives, no viewers.
struct RegistryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry",
        abstract: "Run a primary: the AWS APIs, and the feed for edges in other processes."
    )

    @Option(help: "The address and port at which edges connect; port 0 takes any free one.")
    var listen = ListenAddress(address: "127.0.0.1", port: 9443)

    @Option(help: "Where revisions and code are kept: postgres://…; the state folder if not given.")
    var store: String?

    @Option(help: "The folder of the authority that edges trust; default STATE/authority.")
    var authority: String?

    @Option(
        name: .customLong("variables-key"),
        help: ArgumentHelp(
            "A file of keys that seal functions' variables; default STATE/variables.key, or with --store one that "
                + "comes from the authority's.",
            valueName: "file"
        )
    )
    var variablesKey: String?

    @Option(help: "Seconds for which a function stays replicated after its last association.")
    var replicaRemovalDelay = 1.0

    @OptionGroup
    var codeStorage: CodeStorageOption

    @OptionGroup
    var role: RoleOptions

    @OptionGroup
    var feed: FeedOptions

    func run() async throws {
        let options = RegistryRole.Options(
            listenAddress: listen.address,
            listenPort: listen.port,
            authority: JoinTokenCommand.authority(authority, state: role.statePath),
            store: store,
            variablesKey: variablesKey,
            settings: feed.settings,
            replicaRemovalDelay: .seconds(max(0, replicaRemovalDelay))
        )
        var configuration = role.configuration(edge: "us-east-1")
        configuration.codeStorage = codeStorage.bytes
        try await RegistryRole(configuration, options).run()
    }
}
