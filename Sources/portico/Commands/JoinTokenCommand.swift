import ArgumentParser
import Crypto
import Foundation
import Replication

/// Makes a token with which an edge enrols once.
struct JoinTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join-token",
        abstract: "Make a token with which an edge gets its certificate, once.",
        discussion: "Run it where the primary's state folder is; the primary may be running or not."
    )

    @Option(help: "The edge's name: lower-case letters, digits and -.")
    var name: String

    @Option(help: "The primary's state folder.")
    var state = ".portico"

    @Option(help: "The folder of the authority that edges trust; default STATE/authority.")
    var authority: String?

    @Option(help: "Minutes until the token ends.")
    var minutes = 60

    @Flag(help: "Let other edges follow this one.")
    var relay = false

    mutating func validate() throws {
        guard EdgeRecord.isName(name) else {
            throw ValidationError("--name takes 1 to 63 lower-case letters, digits and -")
        }
        guard (1...10_080).contains(minutes) else {
            throw ValidationError("--minutes takes 1 to 10080")
        }
    }

    func run() throws {
        let folder = Self.authority(authority, state: URL(fileURLWithPath: state).path)
        let authority = try LocalAuthority(directory: folder) { $0 == FeedProtocol.serviceName }
        let token = JoinToken(
            name: name,
            expires: Int(Date().timeIntervalSince1970) + minutes * 60,
            isRelay: relay,
            authority: authority
        )
        print(token.text)
    }

    /// The folder of the authority, given or in the state folder.
    static func authority(_ given: String?, state: String) -> String {
        given.map { URL(fileURLWithPath: $0).standardizedFileURL.path } ?? state + "/authority"
    }
}
