/// Signature Version 4 of one HTTP request.
///
/// Pure: what is signed comes in as it stands on the wire, the time too. Source: "AWS Signature Version 4 for API
/// requests", "Elements of an AWS API request signature".
package struct RequestSignature: Sendable {
    /// The name of the algorithm in requests.
    package static let algorithm = "AWS4-HMAC-SHA256"
    /// What stands for the digest of a body that is not signed.
    package static let unsignedPayload = "UNSIGNED-PAYLOAD"

    /// For which day, region and service a signature is good.
    package struct Scope: Sendable, Equatable {
        /// As `20150830`.
        package var date: String
        package var region: String
        package var service: String

        /// Makes a scope.
        package init(date: String, region: String, service: String) {
            self.date = date
            self.region = region
            self.service = service
        }

        /// `20150830/us-east-1/lambda/aws4_request`.
        package var text: String { "\(date)/\(region)/\(service)/aws4_request" }
    }

    package var method: String
    /// As it stands in the request line, without the query.
    package var path: String
    /// As it stands in the request line, without `?`.
    package var query: String
    /// The fields that are signed, names in any case; equal names are joined in their order.
    package var headers: [(name: String, value: String)]
    /// The SHA-256 of the body, hexadecimal, or what stands for it.
    package var payloadHash: String
    /// As `20150830T123600Z`.
    package var timestamp: String
    package var scope: Scope

    /// Describes a request.
    package init(
        method: String,
        path: String,
        query: String = "",
        headers: [(name: String, value: String)],
        payloadHash: String,
        timestamp: String,
        scope: Scope
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.payloadHash = payloadHash
        self.timestamp = timestamp
        self.scope = scope
    }

    /// The names of the signed fields as `SignedHeaders` lists them.
    package var signedHeaders: String { folded.map(\.name).joined(separator: ";") }

    /// The signature, hexadecimal.
    package func signature(secretKey: String) -> String {
        var key = Array(("AWS4" + secretKey).utf8)
        for part in [scope.date, scope.region, scope.service, "aws4_request"] {
            key = HMAC.sha256(key: key, Array(part.utf8))
        }
        return Digest.hex(HMAC.sha256(key: key, Array(stringToSign.utf8)))
    }

    /// The value of the field `Authorization`.
    package func authorization(accessKey: String, secretKey: String) -> String {
        "\(Self.algorithm) Credential=\(accessKey)/\(scope.text), SignedHeaders=\(signedHeaders), "
            + "Signature=\(signature(secretKey: secretKey))"
    }

    /// What is signed: algorithm, time, scope and the digest of the canonical request.
    package var stringToSign: String {
        [
            Self.algorithm, timestamp, scope.text,
            Digest.hex(Digest.sha256(canonicalRequest)),
        ].joined(separator: "\n")
    }

    /// The request in the one form that both sides agree on.
    package var canonicalRequest: String {
        let lines = folded.map { "\($0.name):\($0.value)\n" }.joined()
        return [
            method, canonicalPath, Self.canonicalQuery(query), lines, signedHeaders, payloadHash,
        ].joined(separator: "\n")
    }

    /// Names in lower case and sorted, values trimmed with inner spaces made one.
    private var folded: [(name: String, value: String)] {
        var values: [String: String] = [:]
        for (name, value) in headers {
            let squeezed = value.split(whereSeparator: { $0 == " " || $0 == "\t" })
                .joined(separator: " ")
            let key = name.lowercased()
            values[key] = values[key].map { "\($0),\(squeezed)" } ?? squeezed
        }
        return values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { ($0.key, $0.value) }
    }

    /// The path: S3 takes it as it is, all other services normalised and encoded once more.
    private var canonicalPath: String {
        guard scope.service != "s3" else { return path.isEmpty ? "/" : path }
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        for segment in segments {
            if segment == ".." {
                _ = kept.popLast()
            } else if segment != "." {
                kept.append(segment)
            }
        }
        let ends = path.hasSuffix("/") && !kept.isEmpty ? "/" : ""
        return "/" + kept.map { Self.encode($0.utf8) }.joined(separator: "/") + ends
    }

    /// The pairs of a query, encoded strictly and sorted; a signature among them is left out.
    private static func canonicalQuery(_ query: String) -> String {
        var pairs: [(String, String)] = []
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = encode(decode(parts[0].utf8))
            if name == "X-Amz-Signature" { continue }
            pairs.append((name, parts.count > 1 ? encode(decode(parts[1].utf8)) : ""))
        }
        pairs.sort { left, right in
            left.0 == right.0
                ? left.1.utf8.lexicographicallyPrecedes(right.1.utf8)
                : left.0.utf8.lexicographicallyPrecedes(right.0.utf8)
        }
        return pairs.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Percent-encodes every byte but letters, digits and `-._~`.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Undoes percent-encoding; what is no escape stays.
    package static func decode(_ bytes: Substring.UTF8View) -> [UInt8] {
        var out: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            let text = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == 0x25, rest.count >= 2, let value = UInt8(text, radix: 16) {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return out
    }
}
