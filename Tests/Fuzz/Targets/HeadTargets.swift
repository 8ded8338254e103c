import HTTP

/// Request and response heads of HTTP/1.
enum HeadTargets {
    /// Room for what writing adds to a head that just fits: a space per field and framing.
    private static let roomy: HeadLimits = {
        var limits = HeadLimits()
        limits.bytes *= 4
        limits.target *= 4
        limits.fields += 8
        return limits
    }()

    static func request(_ input: ArraySlice<UInt8>) {
        guard let parsed = parseRequest(input) else { return }
        precondition(parsed.consumed <= input.count, "it took more than was there")
        for length in [1, parsed.consumed / 2, parsed.consumed - 1] where length < parsed.consumed {
            let early = parseRequest(input.prefix(length))
            precondition(early == nil, "a part of the head was taken for a head")
        }
        if let twin = parseRequest(input.prefix(parsed.consumed)) {
            precondition(twin.framing == parsed.framing, "what follows a head changed it")
        } else {
            preconditionFailure("the head alone was no head")
        }
        var output = IOBuffer()
        H1Serializer.append(parsed.head, framing: .none, into: &output)
        guard parsed.head.method != "CONNECT", parsed.head.headers.contains("host") else { return }
        let written = Array(output.bytes)[...]
        guard let again = parseRequest(written, limits: roomy) else {
            preconditionFailure("what was written is no head")
        }
        precondition(again.consumed == written.count, "a second message hides in what was written")
        precondition(again.framing == .none, "framing came through")
        precondition(
            again.head.method == parsed.head.method && again.head.target == parsed.head.target,
            "the request line changed"
        )
        precondition(again.head.host == parsed.head.host, "the host changed")
    }

    static func response(_ input: ArraySlice<UInt8>) {
        guard let first = input.first else { return }
        let method = ["GET", "HEAD", "CONNECT", "POST"][Int(first) % 4]
        let rest = input.dropFirst()
        guard let parsed = parseResponse(rest, method) else { return }
        precondition(parsed.consumed <= rest.count, "it took more than was there")
        let early = parseResponse(rest.prefix(parsed.consumed - 1), method)
        precondition(early == nil, "a part of the head was taken for a head")
        precondition((100...599).contains(parsed.head.status), "a status out of range")
        var output = IOBuffer()
        H1Serializer.append(
            parsed.head,
            framing: .length(3),
            keepsAlive: true,
            to: .http11,
            date: Array("Thu, 01 Jan 1970 00:00:00 GMT".utf8),
            into: &output
        )
        let written = Array(output.bytes)[...]
        guard let again = parseResponse(written, "GET", limits: roomy) else {
            preconditionFailure("what was written is no head")
        }
        precondition(again.consumed == written.count, "a second message hides in what was written")
        precondition(again.head.status == parsed.head.status, "the status changed")
    }

    private static func parseRequest(
        _ bytes: ArraySlice<UInt8>,
        limits: HeadLimits = HeadLimits()
    ) -> ParsedRequest? {
        bytes.withUnsafeBytes { raw in
            do throws(H1Error) {
                return try H1Parser.parseRequestHead(raw, limits: limits)
            } catch {
                precondition((400...599).contains(error.status), "an error without a status")
                return nil
            }
        }
    }

    private static func parseResponse(
        _ bytes: ArraySlice<UInt8>,
        _ method: String,
        limits: HeadLimits = HeadLimits()
    ) -> ParsedResponse? {
        bytes.withUnsafeBytes { raw in
            try? H1Parser.parseResponseHead(raw, limits: limits, requestMethod: method)
        }
    }
}
