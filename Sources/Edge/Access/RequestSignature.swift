import Crypto
package import HTTP

/// One signature of Signature Version 4: what is signed, and by whom.
///
/// Source: "Create a signed AWS API request".
package struct RequestSignature: Sendable, Hashable {
    package var accessKey: String
    /// `20130524T000000Z`.
    package var date: String
    package var region: String
    package var service: String
    /// In lower case and in order.
    package var signedHeaders: [String]

    /// Makes a signature's settings.
    package init(
        accessKey: String,
        date: String,
        region: String,
        service: String,
        signedHeaders: [String]
    ) {
        self.accessKey = accessKey
        self.date = date
        self.region = region
        self.service = service
        self.signedHeaders = signedHeaders
    }

    private static let algorithm = "AWS4-HMAC-SHA256"
    private var scope: String { "\(date.prefix(8))/\(region)/\(service)/aws4_request" }

    /// Reads the `Authorization` field of a request; nil when it is not of this kind or not well formed.
    package init?(of head: RequestHead) {
        guard let field = head.headers[.authorization], field.hasPrefix(Self.algorithm + " ")
        else { return nil }
        var parts: [Substring: Substring] = [:]
        for part in field.dropFirst(Self.algorithm.count + 1).split(separator: ",") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if pair.count == 2 { parts[pair[0]] = pair[1] }
        }
        let scope = (parts["Credential"] ?? "").split(separator: "/").map(String.init)
        guard scope.count == 5, scope[4] == "aws4_request", parts["Signature"]?.utf8.count == 64,
            let names = parts["SignedHeaders"], let date = head.headers["x-amz-date"],
            date.hasPrefix(scope[1]), date.utf8.count == 16
        else { return nil }
        self.init(
            accessKey: scope[0],
            date: date,
            region: scope[2],
            service: scope[3],
            signedHeaders: names.split(separator: ";").map(String.init)
        )
    }

    /// The signature of a request under a secret, in hexadecimal.
    package func value(for head: RequestHead, secret: String) -> String {
        let request = Digest.hex(Digest.sha256(canonicalRequest(head)))
        let text = "\(Self.algorithm)\n\(date)\n\(scope)\n\(request)"
        var key = Array("AWS4\(secret)".utf8)
        for part in [String(date.prefix(8)), region, service, "aws4_request"] {
            key = HMAC.sha256(key: key, Array(part.utf8))
        }
        return Digest.hex(HMAC.sha256(key: key, Array(text.utf8)))
    }

    /// The `Authorization` field of a request under a secret.
    package func field(for head: RequestHead, secret: String) -> String {
        "\(Self.algorithm) Credential=\(accessKey)/\(scope), "
            + "SignedHeaders=\(signedHeaders.joined(separator: ";")), "
            + "Signature=\(value(for: head, secret: secret))"
    }

    /// Whether a request carries this signature, as made with a secret.
    package func isValid(on head: RequestHead, secret: String) -> Bool {
        guard let field = head.headers[.authorization],
            signedHeaders.contains("host"), signedHeaders.contains("x-amz-date")
        else { return false }
        return field.hasSuffix("Signature=" + value(for: head, secret: secret))
    }

    private func canonicalRequest(_ head: RequestHead) -> String {
        var lines = [head.method, canonicalPath(head.path), Self.canonicalQuery(head.query)]
        for name in signedHeaders {
            let values = head.headers.all(name).map { value in
                value.split(separator: " ").joined(separator: " ")
            }
            lines.append("\(name):\(values.joined(separator: ","))")
        }
        lines += [
            "", signedHeaders.joined(separator: ";"),
            head.headers["x-amz-content-sha256"] ?? OriginSigner.emptyPayload,
        ]
        return lines.joined(separator: "\n")
    }

    /// Buckets' keys are encoded once; every other service sees the path encoded once more.
    private func canonicalPath(_ path: String) -> String {
        let once = Self.encode(Self.decode(path.utf8), keepingSlash: true)
        return service == "s3" ? once : Self.encode(Array(once.utf8), keepingSlash: true)
    }

    private static func canonicalQuery(_ query: String?) -> String {
        guard let query, !query.isEmpty else { return "" }
        let pairs = query.split(separator: "&").map { part -> (String, String) in
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = encode(decode(pair[0].utf8), keepingSlash: false)
            return (name, pair.count > 1 ? encode(decode(pair[1].utf8), keepingSlash: false) : "")
        }
        return pairs.sorted { $0 < $1 }.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    private static func decode(_ text: some Collection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    private static func encode(_ bytes: [UInt8], keepingSlash: Bool) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                text.append(byte)
            case UInt8(ascii: "/") where keepingSlash: text.append(byte)
            default:
                text.append(UInt8(ascii: "%"))
                text += Digest.hex(CollectionOfOne(byte)).uppercased().utf8
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
