/// A request head as parsed from the wire.
package struct ParsedRequest: Sendable {
    package var head: RequestHead
    package var framing: BodyFraming
    /// How many bytes the head took.
    package var consumed: Int
    package var keepAlive: Bool
    package var expectsContinue: Bool
    /// Whether the request asks for another protocol (RFC 9110 §7.8).
    package var upgrade: Bool
}

/// A response head as parsed from the wire.
package struct ParsedResponse: Sendable {
    package var head: ResponseHead
    package var framing: BodyFraming
    /// How many bytes the head took.
    package var consumed: Int
    package var keepAlive: Bool
}

/// Parses HTTP/1 message heads, strictly: what two readers could understand differently is refused.
///
/// Pure: bytes in, values out. Incomplete input gives nil, so a caller reads more and asks again.
package enum H1Parser {
    /// Parses a request head.
    ///
    /// - Throws: `H1Error`, with the status that answers it.
    package static func parseRequestHead(
        _ bytes: UnsafeRawBufferPointer,
        limits: HeadLimits
    ) throws(H1Error) -> ParsedRequest? {
        guard var lines = try HeadLines(bytes, limits: limits) else { return nil }
        let line = lines.startLine
        guard let firstSpace = lines.find(32, from: line.lowerBound, to: line.upperBound) else {
            throw .malformed("request line")
        }
        guard let secondSpace = lines.find(32, from: firstSpace + 1, to: line.upperBound) else {
            throw .malformed("request line")
        }
        guard firstSpace > line.lowerBound, lines.isToken(line.lowerBound..<firstSpace) else {
            throw .malformed("method")
        }
        guard secondSpace - firstSpace - 1 <= limits.target else { throw .targetTooLong }
        let version = try lines.version(secondSpace + 1..<line.upperBound)
        guard let fields = try lines.fields(limits: limits) else { return nil }
        var head = RequestHead(
            method: lines.method(line.lowerBound..<firstSpace),
            path: "",
            version: version,
            headers: Headers(buffer: lines.copy(), entries: fields.entries)
        )
        try lines.setTarget(firstSpace + 1..<secondSpace, of: &head)
        guard version == .http10 || fields.hostCount == 1 else {
            throw .malformed(fields.hostCount == 0 ? "no Host field" : "several Host fields")
        }
        guard fields.hostCount <= 1 else { throw .malformed("several Host fields") }
        let framing = try fields.requestFraming(version: version)
        return ParsedRequest(
            head: head,
            framing: framing,
            consumed: lines.end,
            keepAlive: version == .http11 ? !fields.hasClose : fields.hasKeepAlive,
            expectsContinue: fields.expectsContinue && version == .http11 && framing != .none,
            upgrade: fields.hasUpgrade && fields.connectionUpgrade && version == .http11
        )
    }

    /// Parses a response head to a request of the given method.
    ///
    /// - Throws: `H1Error`; a proxy answers 502 for any of them.
    package static func parseResponseHead(
        _ bytes: UnsafeRawBufferPointer,
        limits: HeadLimits,
        requestMethod: String
    ) throws(H1Error) -> ParsedResponse? {
        guard var lines = try HeadLines(bytes, limits: limits) else { return nil }
        let line = lines.startLine
        guard line.count >= 12, lines.byte(line.lowerBound + 8) == 32 else {
            throw .malformed("status line")
        }
        let version = try lines.version(line.lowerBound..<line.lowerBound + 8)
        var status = 0
        for index in line.lowerBound + 9..<line.lowerBound + 12 {
            let digit = lines.byte(index) &- 48
            guard digit < 10 else { throw .malformed("status code") }
            status = status * 10 + Int(digit)
        }
        guard status >= 100, status <= 599 else { throw .malformed("status code") }
        var reason = ""
        if line.count > 12 {
            guard lines.byte(line.lowerBound + 12) == 32 else { throw .malformed("status line") }
            let range = line.lowerBound + 13..<line.upperBound
            guard lines.isFieldText(range) else { throw .malformed("reason phrase") }
            reason = StatusText.matches(status, lines.slice(range)) ? "" : lines.text(range)
        }
        guard let fields = try lines.fields(limits: limits) else { return nil }
        let framing = try fields.responseFraming(
            status: status,
            version: version,
            requestMethod: requestMethod
        )
        let persists = version == .http11 ? !fields.hasClose : fields.hasKeepAlive
        return ParsedResponse(
            head: ResponseHead(
                status: status,
                reason: reason,
                version: version,
                headers: Headers(buffer: lines.copy(), entries: fields.entries)
            ),
            framing: framing,
            consumed: lines.end,
            keepAlive: persists && framing != .untilClose
        )
    }
}
