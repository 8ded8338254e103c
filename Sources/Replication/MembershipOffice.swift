package import Crypto
import Foundation
import Glibc
package import Registry

/// Enrols edges, renews their certificates and revokes them: where the authority's key is used.
package final class MembershipOffice: EdgeOffice {
    private let registry: PrimaryRegistry
    private let authority: LocalAuthority
    private let certificateLife: Int
    private let now: @Sendable () -> Int

    /// Makes an office; the clock gives seconds since 1970.
    package init(
        registry: PrimaryRegistry,
        authority: LocalAuthority,
        certificateLife: Int,
        now: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.registry = registry
        self.authority = authority
        self.certificateLife = certificateLife
        self.now = now
    }

    /// The authority's certificate, which joining edges compare with their token.
    package func authorityPEM() async throws -> [UInt8] { authority.certificatePEM }

    /// Certifies a key for the edge that a token names, once.
    package func enrol(token text: String, request: [UInt8]) async throws -> [UInt8] {
        guard let token = JoinToken(text), token.isSealed(by: authority) else {
            throw FeedError(.refused, "this join token was not made by this primary's authority")
        }
        guard token.expires > now() else {
            throw FeedError(.refused, "the join token for '\(token.name)' has expired")
        }
        let (pem, identity) = try certify(request, name: token.name, isRelay: token.isRelay)
        _ = try await registry.update { snapshot, _ in
            if let known = EdgeRecord.named(token.name, in: snapshot), known.nonce == token.nonce {
                throw FeedError(.refused, "the join token for '\(token.name)' was used already")
            }
            let record = EdgeRecord(
                name: token.name,
                nonce: token.nonce,
                fingerprints: [identity.fingerprint],
                notAfter: identity.notAfter,
                isRelay: token.isRelay
            )
            return (changes: [try record.put()], value: ())
        }
        return pem
    }

    /// Certifies a new key for an edge; the certificate before it stays good, those before that do not.
    package func renew(name: String, request: [UInt8]) async throws -> [UInt8] {
        let known = EdgeRecord.named(name, in: try await registry.snapshot())
        guard let known else { throw FeedError(.refused, "no edge '\(name)' is enrolled here") }
        let (pem, identity) = try certify(request, name: name, isRelay: known.isRelay)
        _ = try await registry.update { snapshot, _ in
            guard var record = EdgeRecord.named(name, in: snapshot), !record.isRevoked else {
                throw FeedError(.refused, "the edge '\(name)' was revoked")
            }
            record.fingerprints = Array(record.fingerprints.suffix(1)) + [identity.fingerprint]
            record.notAfter = identity.notAfter
            return (changes: [try record.put()], value: ())
        }
        return pem
    }

    /// Takes an edge's access away for good; false when there is no such edge.
    package func revoke(name: String) async throws -> Bool {
        try await registry.update { snapshot, _ in
            guard var record = EdgeRecord.named(name, in: snapshot) else {
                return (changes: [], value: false)
            }
            guard !record.isRevoked else { return (changes: [], value: true) }
            record.isRevoked = true
            return (changes: [try record.put()], value: true)
        }.value
    }

    private func certify(
        _ request: [UInt8],
        name: String,
        isRelay: Bool
    ) throws -> (pem: [UInt8], identity: CertificateIdentity) {
        let pem: [UInt8]
        do {
            pem = try authority.certify(
                request: request,
                name: name,
                service: isRelay ? FeedProtocol.serviceName : nil,
                seconds: certificateLife
            )
        } catch { throw FeedError(.refused, error.description) }
        guard let identity = CertificateIdentity(pem: pem) else {
            throw FeedError(.malformed, "the new certificate is not readable")
        }
        return (pem + authority.certificatePEM, identity)
    }
}
