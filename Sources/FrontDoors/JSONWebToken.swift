import Crypto
import HTTP
import JSON

/// A signed token in compact form (RFC 7519), taken apart but not yet believed.
struct JSONWebToken: Sendable {
    var header: JSONValue
    var claims: JSONValue
    var signed: [UInt8]
    var signature: [UInt8]

    /// Takes a token apart; nil when it is none.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]),
            let claims = Self.object(parts[1]), let signature = Base64Text.decodeURL(parts[2])
        else { return nil }
        self.header = header
        self.claims = claims
        self.signature = signature
        signed = Array("\(parts[0]).\(parts[1])".utf8)
    }

    private static func object(_ part: some StringProtocol) -> JSONValue? {
        guard let bytes = Base64Text.decodeURL(part), let value = try? JSONValue.parse(bytes[...]),
            value.object != nil
        else { return nil }
        return value
    }

    /// The hash that the header's algorithm names; nil for anything but RSA with PKCS #1 padding.
    var hash: RSAPublicKey.Hash? {
        switch header["alg"]?.string {
        case "RS256": .sha256
        case "RS384": .sha384
        case "RS512": .sha512
        default: nil
        }
    }

    /// The values of a claim that is a string, a list of strings, or words with spaces between them.
    func values(of claim: String, splitting: Bool = false) -> [String] {
        if let text = claims[claim]?.string {
            return splitting ? text.split(separator: " ").map(String.init) : [text]
        }
        return claims[claim]?.array?.compactMap(\.string) ?? []
    }

    /// Why the times of the token rule it out at `now`, in seconds since 1970; nil when they do not.
    func timeProblem(now: Double, needsExpiry: Bool) -> String? {
        if let expiry = claims["exp"]?.double {
            if expiry <= now { return "the token has expired" }
        } else if needsExpiry {
            return "the token has no expiry"
        }
        if let start = claims["nbf"]?.double, start > now {
            return "the token is not valid yet"
        }
        if let issued = claims["iat"]?.double, issued > now {
            return "the token was issued in the future"
        }
        return nil
    }

    /// Whether one of these keys signed the token.
    func isSigned(byOneOf keys: [SigningKey]) -> Bool {
        guard let hash else { return false }
        let id = header["kid"]?.string
        return keys.contains { key in
            (id == nil || key.id == id) && key.key.verifies(signature, of: signed, hash: hash)
        }
    }
}

/// A key of a key set.
struct SigningKey: Sendable {
    var id: String?
    var key: RSAPublicKey

    /// The RSA keys of a key set (RFC 7517 §5); nil when it is none.
    static func all(in set: JSONValue) -> [SigningKey]? {
        set["keys"]?.array?.compactMap { member in
            guard member["kty"]?.string == "RSA",
                let modulus = member["n"]?.string.flatMap({ Base64Text.decodeURL($0) }),
                let exponent = member["e"]?.string.flatMap({ Base64Text.decodeURL($0) }),
                let key = RSAPublicKey(modulus: modulus, exponent: exponent)
            else { return nil }
            return SigningKey(id: member["kid"]?.string, key: key)
        }
    }
}

extension Base64Text {
    /// The URL-safe alphabet with or without padding (RFC 4648 §5).
    static func decodeURL(_ text: some StringProtocol) -> [UInt8]? {
        var digits = text.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            case UInt8(ascii: "+"), UInt8(ascii: "/"): 0
            default: byte
            }
        }
        while digits.last == UInt8(ascii: "=") { digits.removeLast() }
        while digits.count % 4 != 0 { digits.append(UInt8(ascii: "=")) }
        return decode(String(decoding: digits, as: UTF8.self))
    }
}
