import ArgumentParser
import Crypto
import Foundation

/// Puts the local authority into the stores of system and browsers.
struct Trust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put the local CA into the system's and the browsers' stores."
    )

    @Option(help: "The state folder.")
    var state = ".portico"

    func run() async throws {
        let folder = certificateFolder(state: state)
        _ = try LocalAuthority(directory: folder) { _ in false }
        let actions = TrustStore().trust(caPath: folder + "/ca.pem")
        for action in actions { print(action) }
        guard !actions.contains(where: { $0.outcome == .failed }) else { throw ExitCode(1) }
    }
}

/// Takes the local authority out of the stores again.
struct Untrust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take the local CA out of the system's and the browsers' stores."
    )

    @Option(help: "The state folder.")
    var state = ".portico"

    func run() async throws {
        let actions = TrustStore().untrust(caPath: certificateFolder(state: state) + "/ca.pem")
        for action in actions { print(action) }
        guard !actions.contains(where: { $0.outcome == .failed }) else { throw ExitCode(1) }
    }
}

/// Lists the local authority and its leaves.
struct Certs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the local CA and the certificates made for this node's names."
    )

    @Option(help: "The state folder.")
    var state = ".portico"

    func run() async throws {
        let folder = certificateFolder(state: state)
        guard FileManager.default.fileExists(atPath: folder + "/ca.pem") else {
            throw CommandFailure("no local CA in \(folder) yet; `portico up` makes one")
        }
        for summary in try LocalAuthority(directory: folder, serves: { _ in false }).inventory() {
            print(summary)
        }
    }
}

/// The folder of the local authority for a state folder, as `up` finds it.
func certificateFolder(state: String) -> String {
    var configuration = ServingOptions.defaultConfiguration
    configuration.state = URL(fileURLWithPath: state).standardizedFileURL.path
    return configuration.certificates
}
