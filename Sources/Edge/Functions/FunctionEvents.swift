import HTTP
import JSON
import Model

/// What CloudFront Functions are told of a request.
///
/// Source: "CloudFront Functions event structure".
struct FunctionEvent {
    let event: EdgeEvent
    let frame: FunctionEventFrame
    let requestID: String
    let address: String
    let request: RequestHead
    /// Present in viewer-response events.
    let response: ResponseHead?

    /// The event in the box that the prelude takes, from the bytes of the heads.
    func encoded() -> FunctionEventText {
        var writer = JSONWriter(reserving: 1536)
        var text = FunctionEventText()
        writer.raw(frame.opening(of: event))
        writer.field("requestId", requestID)
        writer.endObject()
        writer.key("viewer")
        writer.beginObject()
        writer.field("ip", address)
        writer.endObject()
        writeRequest(&writer, &text)
        if let response { write(response, &writer, &text) }
        writer.endObject()
        // Only the second runtime asks for the query as it came.
        if let query = request.query { writer.field("raw", query) }
        writer.field("edge", frame.place)
        writer.endObject()
        text.bytes = writer.bytes
        return text
    }

    private func writeRequest(_ writer: inout JSONWriter, _ text: inout FunctionEventText) {
        writer.key("request")
        writer.beginObject()
        writer.key("method")
        text.method = Self.place(&writer) { $0.string(request.method) }
        writer.key("uri")
        text.uri = Self.place(&writer) { $0.string(request.path) }
        writer.key("querystring")
        text.query = Self.place(&writer) { writer in
            guard let query = request.query else { return writer.emptyObject() }
            FunctionFields.query(query).write(&writer)
        }
        writer.key("headers")
        if response == nil {
            text.groups.write(request.headers, host: request.host, to: &writer)
        } else {
            var seen = FunctionHeaderGroups()
            seen.write(request.headers, host: request.host, to: &writer)
        }
        writer.key("cookies")
        text.cookies = Self.place(&writer) { writer in
            guard request.headers.contains(.cookie) else { return writer.emptyObject() }
            FunctionFields.cookies(request.headers).write(&writer)
        }
        writer.endObject()
    }

    private func write(
        _ response: ResponseHead,
        _ writer: inout JSONWriter,
        _ text: inout FunctionEventText
    ) {
        writer.key("response")
        writer.beginObject()
        writer.key("statusCode")
        text.status = Self.place(&writer) { $0.int(response.status) }
        writer.key("statusDescription")
        text.reason = Self.place(&writer) { $0.string(Self.reason(of: response)) }
        writer.key("headers")
        text.groups.write(response.headers, host: nil, to: &writer)
        writer.key("cookies")
        text.cookies = Self.place(&writer) { writer in
            guard response.headers.contains(.setCookie) else { return writer.emptyObject() }
            FunctionFields.setCookies(response.headers).write(&writer)
        }
        writer.endObject()
    }

    /// The description of a status that functions see.
    static func reason(of response: ResponseHead) -> String {
        response.reason.isEmpty ? StatusText.reason(for: response.status) : response.reason
    }

    /// Where a value lies that is written.
    private static func place(
        _ writer: inout JSONWriter,
        _ write: (inout JSONWriter) -> Void
    ) -> Range<Int> {
        let start = writer.bytes.count
        write(&writer)
        return start..<writer.bytes.count
    }
}

/// An event as text, with where the parts lie that a function may leave alone.
struct FunctionEventText {
    /// JSON, ended by a zero.
    var bytes: [UInt8] = []
    var method = 0..<0
    var uri = 0..<0
    var query = 0..<0
    var status = 0..<0
    var reason = 0..<0
    /// Those of the message that the function may change.
    var cookies = 0..<0
    /// Of the same message.
    var groups = FunctionHeaderGroups()
}

/// What all events of a distribution at an edge have in common, written once.
struct FunctionEventFrame {
    private let request: [UInt8]
    private let response: [UInt8]
    /// Where the function runs: the point of presence.
    let place: String

    init(_ distribution: Distribution, place: String) {
        self.place = place
        request = Self.opening(distribution, .viewerRequest)
        response = Self.opening(distribution, .viewerResponse)
    }

    /// The start of the box, up to the type of the event.
    func opening(of event: EdgeEvent) -> [UInt8] {
        event == .viewerRequest ? request : response
    }

    private static func opening(_ distribution: Distribution, _ event: EdgeEvent) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("event")
        writer.beginObject()
        writer.field("version", "1.0")
        writer.key("context")
        writer.beginObject()
        writer.field("distributionDomainName", distribution.domainName)
        writer.field("distributionId", distribution.id)
        writer.field("eventType", event.rawValue)
        return writer.bytes
    }
}
