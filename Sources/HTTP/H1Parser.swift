/// A request head as found on the wire, with what it says about the message around it.
package struct ParsedRequest: Sendable {
    package var head: RequestHead
    package var framing: BodyFraming
    /// The bytes of the head including the empty line.
    package var consumed: Int
    /// Whether the connection may carry another request after this one.
    package var keepAlive: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    package var expectsContinue: Bool
    /// Whether the client asks to switch to another protocol, or for a tunnel (CONNECT).
    package var upgrade: Bool
}

/// A response head as found on the wire, with what it says about the message around it.
package struct ParsedResponse: Sendable {
    package var head: ResponseHead
    package var framing: BodyFraming
    /// The bytes of the head including the empty line.
    package var consumed: Int
    /// Whether the connection may carry another request after this response.
    package var keepAlive: Bool
    /// Whether the connection speaks another protocol from here on.
    package var upgrade: Bool
}

/// Strict HTTP/1 head parser over a contiguous buffer (RFC 9112).
///
/// A head is looked at from its start each time; nothing is kept between calls, and an incomplete head
/// is bounded by the limits.
package enum H1Parser {
    /// Reads a request head at the start of `bytes`; nil when more bytes are needed.
    package static func parseRequestHead(
        _ bytes: UnsafeRawBufferPointer,
        limits: HeadLimits = HeadLimits()
    ) throws(H1Error) -> ParsedRequest? {
        guard let raw = bytes.baseAddress, bytes.count > 0 else { return nil }
        let base = raw.assumingMemoryBound(to: UInt8.self)
        let count = bytes.count
        // RFC 9112 §2.2: one empty line before a request line is ignored.
        var start = 0
        if base[0] == 0x0d {
            if count < 2 { return nil }
            if base[1] != 0x0a { throw .malformed("request line") }
            start = 2
            if count == 2 { return nil }
        }
        guard Grammar.isToken(base[start]) else {
            throw base[start] == 0x0a ? .malformed("line end") : .malformed("method")
        }
        guard let end = try FieldSection.lineEnd(base, from: start, count: count) else {
            if count - start > limits.target + longestRestOfLine { throw .targetTooLong }
            if count > limits.bytes { throw .headTooLarge }
            return nil
        }
        let line = try requestLine(base, start, end, limits)
        var fields = FieldSection()
        let section = end + 2
        guard
            let next = try fields.parse(base, from: section, count: count, limits: limits)
        else { return nil }
        let version = line.version
        try fields.checkFraming(version: version)
        try checkHost(base, fields, version)
        if let authority = line.authority { fields.headers.set("Host", authority) }
        let framing: BodyFraming =
            fields.isChunked ? .chunked : fields.contentLength.map { .length($0) } ?? .none
        let modern = version == .http11
        let isConnect = line.isConnect
        return ParsedRequest(
            head: RequestHead(
                method: line.method,
                path: line.path,
                query: line.query,
                version: version,
                headers: fields.takeHeaders()
            ),
            framing: framing,
            consumed: next,
            keepAlive: fields.persists(version),
            expectsContinue: fields.expectsContinue && modern && framing != .none
                && framing != .length(0),
            upgrade: modern && (fields.connectionUpgrade && fields.hasUpgrade || isConnect)
        )
    }

    /// Reads a response head to a request with this method; nil when more bytes are needed.
    package static func parseResponseHead(
        _ bytes: UnsafeRawBufferPointer,
        limits: HeadLimits = HeadLimits(),
        requestMethod: String
    ) throws(H1Error) -> ParsedResponse? {
        guard let raw = bytes.baseAddress, bytes.count > 0 else { return nil }
        let base = raw.assumingMemoryBound(to: UInt8.self)
        let count = bytes.count
        if base[0] != UInt8(ascii: "H") { throw .malformed("status line") }
        guard let end = try FieldSection.lineEnd(base, from: 0, count: count) else {
            if count > limits.bytes { throw .headTooLarge }
            return nil
        }
        let line = try statusLine(base, end)
        var fields = FieldSection()
        let section = end + 2
        guard
            let next = try fields.parse(base, from: section, count: count, limits: limits)
        else { return nil }
        try fields.checkFraming(version: line.version)
        let tunnel = requestMethod == "CONNECT" && line.status / 100 == 2
        let upgrade = line.status == 101 || tunnel
        let framing = responseFraming(line.status, fields, requestMethod, tunnel)
        // Bytes after a head that must have no body would be taken for the next response.
        let liesAboutBody =
            (line.status < 200 || line.status == 204)
            && (fields.isChunked || fields.contentLength ?? 0 > 0)
        return ParsedResponse(
            head: ResponseHead(
                status: line.status,
                reason: line.reason,
                version: line.version,
                headers: fields.takeHeaders()
            ),
            framing: framing,
            consumed: next,
            keepAlive: fields.persists(line.version) && framing != .untilClose && !upgrade
                && !liesAboutBody,
            upgrade: upgrade
        )
    }

    /// Bytes of a request line that are not its target: method, two spaces and version.
    private static let longestRestOfLine = 64

    /// RFC 9112 §6.3, for responses.
    private static func responseFraming(
        _ status: Int,
        _ fields: borrowing FieldSection,
        _ method: String,
        _ tunnel: Bool
    ) -> BodyFraming {
        if status < 200 || status == 204 || status == 304 || method == "HEAD" || tunnel {
            return .none
        }
        if fields.isChunked { return .chunked }
        return fields.contentLength.map { .length($0) } ?? .untilClose
    }

    private static func checkHost(
        _ base: UnsafePointer<UInt8>,
        _ fields: borrowing FieldSection,
        _ version: HTTPVersion
    ) throws(H1Error) {
        if fields.hostCount > 1 { throw .malformed("several Host fields") }
        if fields.hostCount == 0 {
            if version == .http11 { throw .malformed("no Host field") }
            return
        }
        guard Grammar.isAuthority(base + fields.hostStart, fields.hostLength) else {
            throw .malformed("Host")
        }
    }

    private struct StatusLine {
        var version: HTTPVersion
        var status: Int
        var reason: String
    }

    private static func statusLine(
        _ base: UnsafePointer<UInt8>,
        _ end: Int
    ) throws(H1Error) -> StatusLine {
        guard end >= 12, base[8] == 0x20 else { throw .malformed("status line") }
        guard let version = try RequestLine.version(base) else {
            throw .malformed("status line")
        }
        var status = 0
        for offset in 9..<12 {
            guard Grammar.isDigit(base[offset]) else { throw .malformed("status line") }
            status = status * 10 + Int(base[offset] &- 0x30)
        }
        // Some servers leave out the space before an empty reason (RFC 9112 §4 wants it).
        guard status >= 100, status <= 599, end == 12 || base[12] == 0x20 else {
            throw .malformed("status line")
        }
        guard end > 13 else { return StatusLine(version: version, status: status, reason: "") }
        guard Grammar.isValue(base + 13, end - 13) else { throw .malformed("status line") }
        let phrase = UnsafeRawBufferPointer(start: base + 13, count: end - 13)
        let isStandard = StatusText.matches(status, phrase)
        return StatusLine(
            version: version,
            status: status,
            reason: isStandard ? "" : Headers.text(phrase)
        )
    }

    private static func requestLine(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        _ limits: HeadLimits
    ) throws(H1Error) -> RequestLine {
        var space = start
        while space < end, Grammar.isToken(base[space]) { space += 1 }
        guard space < end, base[space] == 0x20 else {
            throw space < end ? .malformed("method") : .malformed("request line")
        }
        guard space - start <= longestMethod else { throw .malformed("method") }
        // The version is the last eight bytes; the target is what lies between the two spaces.
        let target = space + 1
        guard end - target >= 10, base[end - 9] == 0x20 else {
            throw .malformed("request line")
        }
        let length = end - 9 - target
        if length > limits.target { throw .targetTooLong }
        guard let version = try RequestLine.version(base + end - 8) else {
            throw .malformed("request line")
        }
        var line = RequestLine(version: version)
        line.method = RequestLine.method(base + start, space - start)
        try line.readTarget(base + target, length)
        return line
    }

    private static let longestMethod = 32
}
