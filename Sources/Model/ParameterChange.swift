/// One entry of an HTTP API's parameter mapping; AWS page "Transform API requests and responses for HTTP
/// APIs".
package struct ParameterChange: Sendable, Codable, Hashable {
    /// What is done.
    package enum Operation: String, Sendable, Codable { case append, overwrite, remove }
    /// What it is done to.
    package enum Place: Sendable, Codable, Hashable {
        case header(String)
        case query(String)
        case path
        case status
    }

    package var operation: Operation
    package var place: Place
    /// Static text, `$request.header.name` and the like, or both with `${…}`.
    package var value: String

    /// Reads `append:header.name` and its value; throws the reason as a sentence.
    package init(key: String, value: String, isResponse: Bool) throws(Problem) {
        let parts = key.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let operation = Operation(rawValue: parts[0]) else {
            throw Problem("'\(key)' does not start with append:, overwrite: or remove:")
        }
        self.operation = operation
        self.value = value
        let name = parts[1]
        if name.hasPrefix("header.") {
            let header = String(name.dropFirst(7))
            guard !Self.isReserved(header) else {
                throw Problem("the header \(header) is reserved")
            }
            place = .header(header)
        } else if name.hasPrefix("querystring."), !isResponse {
            place = .query(String(name.dropFirst(12)))
        } else if name == "path", !isResponse, operation == .overwrite {
            place = .path
        } else if name == "statuscode", isResponse, operation == .overwrite {
            place = .status
        } else {
            throw Problem("'\(key)' names nothing that can be changed")
        }
    }

    /// Why a mapping is refused.
    package struct Problem: Error, Sendable {
        /// A sentence.
        package var text: String

        init(_ text: String) { self.text = text }
    }

    private static let reserved: Set<String> = [
        "authorization", "connection", "content-encoding", "content-length", "content-location",
        "forwarded", "keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "te",
        "trailers", "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-proto", "via",
    ]

    private static func isReserved(_ name: String) -> Bool {
        let name = name.lowercased()
        return name.isEmpty || reserved.contains(name)
            || ["access-control-", "apigw-", "x-amz-", "x-amzn-"].contains { name.hasPrefix($0) }
    }
}
