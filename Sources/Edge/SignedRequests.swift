import Crypto
package import HTTP
import JSON
package import Model

/// Signed URLs and signed cookies of one behaviour.
///
/// Source: "Use signed URLs", "Use signed cookies".
package final class SignedRequests: Sendable {
    /// What a check looks at.
    package struct Asked {
        var head: RequestHead
        var isTLS: Bool
        var address: String
        /// Unit: seconds since 1970.
        var now: Int

        /// Makes a question; `now` is in seconds since 1970.
        package init(head: RequestHead, isTLS: Bool, address: String, now: Int) {
            self.head = head
            self.isTLS = isTLS
            self.address = address
            self.now = now
        }
    }

    /// What stands in a URL or in cookies.
    private struct Credentials {
        var expires: String?
        var policy: String?
        var signature: String?
        var keyID: String?
        var hash: String?
    }

    /// The parameters of a signature, as they are named in a query.
    package static let parameters = [
        "Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm",
    ]

    private let keys: [String: VerificationKey]

    /// Keys that cannot be read never verify anything.
    package init(keys: [String: PublicKey]) {
        self.keys = keys.compactMapValues { VerificationKey(pem: $0.encodedKey) }
    }

    /// The rule that a request breaks, or nil when it is signed well.
    package func check(_ asked: Asked) -> ViewerRule? {
        let isURL = asked.head.query.map(Self.hasParameters) ?? false
        let given =
            isURL ? Self.inQuery(asked.head.query ?? "") : Self.inCookies(asked.head.headers)
        guard let id = given.keyID, !id.isEmpty else { return .keyMissing }
        guard let key = keys[id] else { return .keyUnknown }
        guard let text = given.signature, !text.isEmpty, let signature = Self.decode(text) else {
            return .signatureMalformed
        }
        let document: [UInt8]
        if let text = given.policy {
            guard let decoded = Self.decode(text) else { return .policyMalformed }
            document = decoded
        } else if let text = given.expires {
            guard !text.isEmpty, text.utf8.allSatisfy({ 48...57 ~= $0 }), Int(text) != nil else {
                return .policyMalformed
            }
            let url = Self.url(asked)
            let canned =
                #"{"Statement":[{"Resource":"\#(url)","Condition":{"DateLessThan":"#
                + #"{"AWS:EpochTime":\#(text)}}}]}"#
            document = Array(canned.utf8)
        } else {
            return .policyMalformed
        }
        let hash: VerificationKey.Hash
        switch given.hash {
        case nil, "SHA1": hash = .sha1
        case "SHA256": hash = .sha256
        default: return .signatureMalformed
        }
        guard let policy = SignedPolicy(document) else { return .policyMalformed }
        guard key.verifies(signature, of: document, hash: hash),
            policy.admits(url: Self.url(asked), address: asked.address, now: asked.now)
        else { return .accessDenied }
        return nil
    }

    /// The query without the parameters of a signature; nil when nothing is left.
    package static func withoutParameters(_ query: String?) -> String? {
        guard let query else { return nil }
        let kept = query.split(separator: "&", omittingEmptySubsequences: false)
            .filter { !parameters.contains(String($0.prefix { $0 != "=" })) }
        return kept.isEmpty ? nil : kept.joined(separator: "&")
    }

    private static func hasParameters(_ query: String) -> Bool {
        query.split(separator: "&").contains {
            parameters.contains(String($0.prefix { $0 != "=" }))
        }
    }

    private static func inQuery(_ query: String) -> Credentials {
        var found = Credentials()
        for pair in QueryString.pairs(query) { fill(&found, pair.name, pair.value ?? "") }
        return found
    }

    private static func inCookies(_ headers: Headers) -> Credentials {
        var found = Credentials()
        for field in headers.all("cookie") {
            for part in field.split(separator: ";") {
                let pieces = part.trimmingASCIIWhitespace().split(
                    separator: "=",
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                guard pieces.count == 2, pieces[0].hasPrefix("CloudFront-") else { continue }
                fill(&found, String(pieces[0].dropFirst(11)), String(pieces[1]))
            }
        }
        return found
    }

    private static func fill(_ found: inout Credentials, _ name: String, _ value: String) {
        switch name {
        case "Expires": found.expires = found.expires ?? value
        case "Policy": found.policy = found.policy ?? value
        case "Signature": found.signature = found.signature ?? value
        case "Key-Pair-Id": found.keyID = found.keyID ?? value
        case "Hash-Algorithm": found.hash = found.hash ?? value
        default: break
        }
    }

    /// The URL that was asked for, without the parameters of the signature.
    private static func url(_ asked: Asked) -> String {
        let host = asked.head.headers["host"] ?? ""
        let query = withoutParameters(asked.head.query).map { "?" + $0 } ?? ""
        return (asked.isTLS ? "https://" : "http://") + host + asked.head.path + query
    }

    /// Base64 whose `+`, `=` and `/` are written `-`, `_` and `~`.
    static func decode(_ text: String) -> [UInt8]? {
        Base64.decode(
            text.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "-"): UInt8(ascii: "+")
                case UInt8(ascii: "_"): UInt8(ascii: "=")
                case UInt8(ascii: "~"): UInt8(ascii: "/")
                default: byte
                }
            }
        )
    }
}

/// The policy that a signature is about.
package struct SignedPolicy {
    private let resource: String?
    /// Unit: seconds since 1970.
    private let before: Int
    /// Unit: seconds since 1970.
    private let after: Int?
    private let block: AddressBlock?

    /// Reads a policy; nil when it is malformed.
    package init?(_ document: [UInt8]) {
        guard let value = try? JSONValue.parse(document[...]),
            let statements = value["Statement"]?.array, statements.count == 1,
            let statement = statements.first, statement.object != nil,
            let condition = statement["Condition"],
            let before = condition["DateLessThan"]?["AWS:EpochTime"]?.int
        else { return nil }
        self.before = before
        if let date = condition["DateGreaterThan"] {
            guard let after = date["AWS:EpochTime"]?.int else { return nil }
            self.after = after
        } else {
            after = nil
        }
        if let address = condition["IpAddress"] {
            guard let text = address["AWS:SourceIp"]?.string, let block = AddressBlock(text),
                block.isIPv4
            else { return nil }
            self.block = block
        } else {
            block = nil
        }
        if let resource = statement["Resource"] {
            guard let text = resource.string else { return nil }
            self.resource = text
        } else {
            resource = nil
        }
    }

    /// Whether the policy covers a URL that an address asks for at a time, in seconds since 1970.
    package func admits(url: String, address: String, now: Int) -> Bool {
        guard now < before else { return false }
        if let after, now <= after { return false }
        if let block, block.prefixLength > 0, !block.contains(address) { return false }
        guard let resource, resource != "*" else { return true }
        return Self.matches(resource, url)
    }

    /// Whether a resource with wildcards covers a URL, section by section.
    ///
    /// `*` and `?` do not cross from scheme, domain, path or query to the next, but a `*` at the end of the
    /// path also covers any query, and one at the end of the domain covers path and query.
    static func matches(_ resource: String, _ url: String) -> Bool {
        let wanted = Sections(resource)
        let asked = Sections(url)
        func fits(_ pattern: Substring, _ text: Substring) -> Bool {
            PathPattern.wildcard(pattern.utf8, text.utf8)
        }
        if let scheme = wanted.scheme, !fits(scheme, asked.scheme ?? "") { return false }
        guard fits(wanted.domain, asked.domain) else { return false }
        guard let path = wanted.path else { return wanted.domain.hasSuffix("*") }
        guard fits(path, asked.path ?? "/") else { return false }
        guard let query = wanted.query else { return asked.query == nil || path.hasSuffix("*") }
        return fits(query, asked.query ?? "")
    }

    private struct Sections {
        var scheme: Substring?
        var domain: Substring
        var path: Substring?
        var query: Substring?

        init(_ text: String) {
            var rest = Substring(text)
            if let mark = rest.firstRange(of: "://") {
                scheme = rest[..<mark.lowerBound]
                rest = rest[mark.upperBound...]
            }
            // A question mark before the path's end is a wildcard only where no query can begin.
            if let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
                domain = rest[..<slash]
                let target = rest[slash...]
                if let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) {
                    path = target[..<mark]
                    query = target[target.utf8.index(after: mark)...]
                } else {
                    path = target
                }
            } else {
                domain = rest
            }
        }
    }
}
