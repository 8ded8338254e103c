import Glibc

/// The version that a message head names.
package enum HTTPVersion: Sendable, Equatable {
    case http10, http11, http2

    /// As it stands in `Via` and in access logs.
    package var text: String {
        switch self {
        case .http10: "1.0"
        case .http11: "1.1"
        case .http2: "2.0"
        }
    }
}

/// A request line and its header fields.
package struct RequestHead: Sendable {
    package var headers: Headers
    /// The method token as sent; tokens are case-sensitive (RFC 9110 §9.1).
    package var method: String
    /// The path as sent, undecoded; always starts with `/`, or is `*` for OPTIONS.
    package var path: String
    /// The query without its `?`; nil when there is none.
    package var query: String?
    package var version: HTTPVersion
}

extension RequestHead {
    /// Makes a head from its parts.
    ///
    /// By way of the memberwise initializer: one that sets the members itself copies all of them at its end.
    @inline(__always)
    package init(
        method: String,
        path: String,
        query: String? = nil,
        version: HTTPVersion = .http11,
        headers: Headers = Headers()
    ) {
        self.init(headers: headers, method: method, path: path, query: query, version: version)
    }

    /// Path and query as they go on the request line.
    package var target: String { query.map { path + "?" + $0 } ?? path }

    /// The host named by the request; where it is `known`, what `host` said of an earlier one, no text is made.
    package func host(like known: String) -> String {
        guard let index = headers.firstIndex(of: .host) else { return "" }
        let isKnown = headers.withValue(of: headers.entry(at: index)) { value in
            known.withBytes { known in
                guard !known.isEmpty, value.count >= known.count,
                    value.count == known.count || value[known.count] == UInt8(ascii: ":"),
                    let (left, right) = value.baseAddress.flatMap({ left in
                        known.baseAddress.map { (left, $0) }
                    })
                else { return false }
                return memcmp(left, right, known.count) == 0
            }
        }
        return isKnown ? known : host
    }

    /// The host named by the request without its port, lower case.
    package var host: String {
        guard let index = headers.firstIndex(of: .host) else { return "" }
        return headers.withValue(at: index) { value in
            let isAddress = value.first == UInt8(ascii: "[") && value.contains(UInt8(ascii: "]"))
            let start = isAddress ? 1 : 0
            let stop = isAddress ? UInt8(ascii: "]") : UInt8(ascii: ":")
            var end = start
            var hasCapitals = false
            while end < value.count, value[end] != stop {
                if value[end] &- 65 < 26 { hasCapitals = true }
                end += 1
            }
            let host = UnsafeBufferPointer(rebasing: value[start..<end])
            if hasCapitals { return String(decoding: host.map(Headers.lowered), as: UTF8.self) }
            return String(decoding: host, as: UTF8.self)
        }
    }
}

/// A status line and its header fields.
package struct ResponseHead: Sendable {
    /// 100 to 599.
    package var status: Int
    /// The reason phrase; empty means the standard one for the status.
    package var reason: String
    package var version: HTTPVersion
    package var headers: Headers

    /// Makes a head from its parts.
    @inline(__always)
    package init(
        status: Int,
        reason: String = "",
        version: HTTPVersion = .http11,
        headers: Headers = Headers()
    ) {
        self.status = status
        self.reason = reason
        self.version = version
        self.headers = headers
    }
}
