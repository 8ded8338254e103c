import ArgumentParser
import Foundation
import Model
import Registry
import Replication

/// Carries a whole state between machines in one file.
struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Save a whole state with its code in a file, or load one into a new edge.",
        subcommands: [Save.self, Load.self]
    )

    /// Writes what a state folder holds.
    struct Save: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the state of a primary, running or not, to a file."
        )

        @Argument(help: "The file to write.")
        var file: String

        @Option(help: "The primary's state folder.")
        var state = ".portico"

        @Option(help: "The primary's store, when it is not in the state folder.")
        var store: String?

        @Option(
            name: .customLong("variables-key"),
            help: ArgumentHelp(
                "A file of keys with which the variables of functions are sealed in the file, made if it is "
                    + "missing; without it they can be read there.",
                valueName: "file"
            )
        )
        var variablesKey: String?

        func run() async throws {
            let folder = URL(fileURLWithPath: state).standardizedFileURL.path
            let known = try StoreOption.keys(file: nil, store: store, state: folder)
            let registry = PrimaryRegistry(
                store: try StoreOption.open(store, state: folder, keys: known)
            )
            if store != nil {
                let authority = try await SharedAuthority.open(
                    folder: JoinTokenCommand.authority(nil, state: folder),
                    registry: registry
                )
                StoreOption.share(known, authority, file: nil, store: store)
            }
            let keys = try variablesKey.map { try VariableKeys.open(file: $0) } ?? VariableKeys()
            let snapshot = try await registry.snapshot()
            try SnapshotFile.write(snapshot, to: file, keys: keys) { try registry.blob($0) }
            print("revision \(snapshot.revision) is in \(file)")
        }
    }

    /// Puts a file's state where an edge finds it.
    struct Load: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a file's state into the state folder of an edge that is not running."
        )

        @Argument(help: "The file to read.")
        var file: String

        @Option(help: "The edge's state folder.")
        var state = ".portico"

        @Option(
            name: .customLong("variables-key"),
            help: ArgumentHelp(
                "The file of keys with which the variables of functions were sealed in the file.",
                valueName: "file"
            )
        )
        var variablesKey: String?

        func run() async throws {
            let folder = URL(fileURLWithPath: state).standardizedFileURL.path
            let lock = try StateFolder(folder)
            defer { withExtendedLifetime(lock) {} }
            let replica = EdgeReplica(
                name: "edge",
                directory: folder + "/replica",
                keys: try StoreOption.keys(state: folder)
            )
            _ = try await replica.open()
            let depot = try BlobDepot(folder: folder + "/replica/archives")
            let keys = try variablesKey.map { try VariableKeys.read(file: $0) } ?? VariableKeys()
            let snapshot = try await SnapshotFile.read(file, keys: keys) {
                try await depot.keep($0, $1)
            }
            try await replica.apply(snapshot) { try depot.read($0) }
            let revision = try await replica.record()
            print("revision \(revision) is in \(folder): start `portico edge --state \(state)`")
        }
    }
}
