package import Crypto
import Foundation

/// A secret for one enrolment: names the edge, ends soon, and pins the primary's authority.
package struct JoinToken: Sendable, Equatable {
    /// How long a token is good for unless said otherwise.
    ///
    /// Unit: seconds.
    package static let life = 3600

    package let name: String
    /// Seconds since 1970.
    package let expires: Int
    package let isRelay: Bool
    /// Used up by the first enrolment.
    package let nonce: String
    /// The SHA-256 of the authority's certificate, hexadecimal.
    package let authority: String
    private let seal: String

    private static let version = "portico1"

    private static func signed(
        _ name: String,
        _ expires: Int,
        _ isRelay: Bool,
        _ nonce: String,
        _ authority: String
    ) -> String {
        [version, name, String(expires), isRelay ? "relay" : "edge", nonce, authority]
            .joined(separator: ".")
    }

    /// Makes a token with the authority's key.
    package init(name: String, expires: Int, isRelay: Bool, authority: LocalAuthority) {
        self.name = name
        self.expires = expires
        self.isRelay = isRelay
        nonce = Digest.hex(RandomBytes.make(16))
        self.authority = authority.fingerprint
        let text = Self.signed(name, expires, isRelay, nonce, self.authority)
        seal = Digest.hex(HMAC.sha256(key: authority.secret(for: "join"), Array(text.utf8)))
    }

    /// Reads a token's text; nil when it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 7, parts[0] == Self.version, EdgeRecord.isName(parts[1]),
            let expires = Int(parts[2]), ["relay", "edge"].contains(parts[3]),
            parts[5].utf8.count == 64
        else { return nil }
        name = parts[1]
        self.expires = expires
        isRelay = parts[3] == "relay"
        nonce = parts[4]
        authority = parts[5]
        seal = parts[6]
    }

    /// The token as an operator copies it.
    package var text: String {
        Self.signed(name, expires, isRelay, nonce, authority) + "." + seal
    }

    /// Whether the authority made this token.
    func isSealed(by authority: LocalAuthority) -> Bool {
        let text = Self.signed(name, expires, isRelay, nonce, self.authority)
        let expected = Digest.hex(
            HMAC.sha256(key: authority.secret(for: "join"), Array(text.utf8))
        )
        return HMAC.isEqual(Array(expected.utf8), Array(seal.utf8))
    }
}
