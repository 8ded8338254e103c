package import Crypto
import Foundation
package import Registry

/// The authority that edges trust: one for all primaries of a store, which keeps it where only they look.
package enum SharedAuthority {
    private static let key = "replication/authority"
    /// How often another primary may be first before this one gives up.
    private static let attemptLimit = 8

    /// Opens the authority in a folder; the store's is brought there first, or given the folder's.
    package static func open(
        folder: String,
        registry: PrimaryRegistry
    ) async throws -> LocalAuthority {
        for _ in 0..<attemptLimit {
            if let kept = try await registry.privateValue(key) {
                try place(kept.bytes, in: folder)
                return try open(folder)
            }
            let authority = try open(folder)
            if try await registry.setPrivateValue(key, authority.pairPEM, expecting: 0) {
                return authority
            }
        }
        throw FeedError(.storage, "the store does not keep the authority of edges")
    }

    private static func open(_ folder: String) throws -> LocalAuthority {
        try LocalAuthority(directory: folder) { $0 == FeedProtocol.serviceName }
    }

    /// Writes certificate and key where they are not there yet.
    private static func place(_ pair: [UInt8], in folder: String) throws {
        let text = String(decoding: pair, as: UTF8.self)
        let end = "-----END CERTIFICATE-----\n"
        guard let cut = text.range(of: end)?.upperBound else {
            throw FeedError(.malformed, "the store's authority of edges is not readable")
        }
        let certificate = Array(text[..<cut].utf8)
        let path = folder + "/ca.pem"
        let known = FileManager.default.contents(atPath: path).map { [UInt8]($0) }
        guard known != certificate else { return }
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
        try DurableFile.write(Array(text[cut...].utf8), to: folder + "/ca-key.pem")
        try DurableFile.write(certificate, to: path)
    }
}
