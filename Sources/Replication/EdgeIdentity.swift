package import Crypto
import Foundation
import Glibc
import Registry
package import TLS

/// Who an edge is: its key, its certificate and the authority it trusts, in a folder.
package struct EdgeIdentity: Sendable {
    private let folder: String
    private let member: [UInt8]
    package let certificate: CertificateIdentity
    /// The token that made it.
    let nonce: String

    private static func memberPath(_ folder: String) -> String { folder + "/member.pem" }
    private static func authorityPath(_ folder: String) -> String { folder + "/ca.pem" }
    private static func noncePath(_ folder: String) -> String { folder + "/token" }

    /// Whether this identity came of the token.
    package func isMade(by token: JoinToken) -> Bool { nonce == token.nonce }

    /// The authority's certificate.
    var authorityPath: String { Self.authorityPath(folder) }

    /// Reads the identity kept in a folder; nil when there is none.
    package init?(folder: String) {
        guard let member = FileManager.default.contents(atPath: Self.memberPath(folder)),
            FileManager.default.fileExists(atPath: Self.authorityPath(folder)),
            let certificate = CertificateIdentity(pem: [UInt8](member))
        else { return nil }
        self.folder = folder
        self.member = [UInt8](member)
        self.certificate = certificate
        let nonce = FileManager.default.contents(atPath: Self.noncePath(folder)) ?? Data()
        self.nonce = String(decoding: nonce, as: UTF8.self)
    }

    /// Keeps what an enrolment or a renewal gave; `chain` is the certificate and those above it.
    static func save(
        chain: [UInt8],
        keyPEM: [UInt8],
        authority: [UInt8]?,
        nonce: String,
        folder: String
    ) throws -> EdgeIdentity {
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        if let authority { try DurableFile.write(authority, to: authorityPath(folder)) }
        try DurableFile.write(Array(nonce.utf8), to: noncePath(folder))
        // Last: with it the identity is complete.
        try DurableFile.write(chain + keyPEM, to: memberPath(folder))
        guard let made = EdgeIdentity(folder: folder) else {
            throw FeedError(.storage, "the identity in \(folder) is not readable")
        }
        return made
    }

    /// Keeps the authority's certificate before there is an identity; returns its path.
    static func keep(authority: [UInt8], folder: String) throws -> String {
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        try DurableFile.write(authority, to: authorityPath(folder))
        return authorityPath(folder)
    }

    /// The identity with a new certificate and key, kept in the same folder.
    func renewed(chain: [UInt8], keyPEM: [UInt8]) throws -> EdgeIdentity {
        try Self.save(chain: chain, keyPEM: keyPEM, authority: nil, nonce: nonce, folder: folder)
    }

    /// Whether the certificate is in the last third of a life of this many seconds.
    func isDue(life: Int, now: Int) -> Bool { certificate.notAfter - now < life / 3 }

    /// The TLS context of connections to primaries.
    package func clientContext() throws -> TLSContext {
        var options = TLSClientOptions()
        options.trustsSystemRoots = false
        options.authorityFiles = [authorityPath]
        options.reusesSessions = false
        options.certificate = CertificateAndKey(certificateChainPEM: member, keyPEM: member)
        return try TLSContext.client(options: options)
    }

    /// The TLS context of a relay's own feed port.
    package func serverContext() throws -> TLSContext {
        let pair = CertificateAndKey(certificateChainPEM: member, keyPEM: member)
        var options = TLSServerOptions(applicationProtocols: ["http/1.1"])
        options.clientAuthorityFiles = [authorityPath]
        options.requiresClientCertificate = false
        return try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: options
        )
    }
}
