import Crypto
package import HTTP
import JSON
package import Model

/// What the event of a hook shows of a request.
package struct EventRequest: Sendable {
    package var clientIP: String
    package var head: RequestHead
    /// Empty when the query is hidden from origin hooks.
    package var querystring: String
    /// The start of the body, when the association includes it.
    package var body: EventBody?
    /// Present in origin events.
    package var origin: Origin?

    /// Makes the view of a request.
    package init(
        clientIP: String,
        head: RequestHead,
        querystring: String,
        body: EventBody? = nil,
        origin: Origin? = nil
    ) {
        self.clientIP = clientIP
        self.head = head
        self.querystring = querystring
        self.body = body
        self.origin = origin
    }
}

/// A body as an event shows it.
package struct EventBody: Sendable {
    package var data: Bytes
    package var isTruncated: Bool

    /// Makes a body.
    package init(data: Bytes, isTruncated: Bool) {
        self.data = data
        self.isTruncated = isTruncated
    }
}

/// Writes the JSON that functions receive.
package enum EdgeEvents {
    /// The event of one hook.
    package static func encode(
        _ event: EdgeEvent,
        distribution: Distribution,
        requestID: String,
        request: EventRequest,
        response: ResponseHead? = nil
    ) -> [UInt8] {
        var writer = JSONWriter(reserving: 2048)
        writer.beginObject()
        writer.key("Records")
        writer.beginArray()
        writer.beginObject()
        writer.key("cf")
        writer.beginObject()
        writer.key("config")
        writer.beginObject()
        writer.field("distributionDomainName", distribution.domainName)
        writer.field("distributionId", distribution.id)
        writer.field("eventType", event.rawValue)
        writer.field("requestId", requestID)
        writer.endObject()
        write(request, to: &writer)
        if let response { write(response, to: &writer) }
        writer.endObject()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ request: EventRequest, to writer: inout JSONWriter) {
        writer.key("request")
        writer.beginObject()
        writer.field("clientIp", request.clientIP)
        write(request.head.headers, to: &writer)
        writer.field("method", request.head.method)
        writer.field("querystring", request.querystring)
        writer.field("uri", request.head.path)
        if let body = request.body {
            writer.key("body")
            writer.beginObject()
            writer.field("inputTruncated", body.isTruncated)
            writer.field("action", "read-only")
            writer.field("encoding", "base64")
            writer.field("data", Base64.encode(Array(body.data)))
            writer.endObject()
        }
        if let origin = request.origin { write(origin, to: &writer) }
        writer.endObject()
    }

    private static func write(_ response: ResponseHead, to writer: inout JSONWriter) {
        writer.key("response")
        writer.beginObject()
        write(response.headers, to: &writer)
        writer.field("status", String(response.status))
        writer.field(
            "statusDescription",
            response.reason.isEmpty ? StatusText.reason(for: response.status) : response.reason
        )
        writer.endObject()
    }

    private static func write(_ headers: Headers, to writer: inout JSONWriter) {
        writer.key("headers")
        writer.beginObject()
        headers.withStoredBytes { bytes in
            for index in headers.indices {
                let entry = headers.entries[index]
                guard !QuickFields.isDisallowed(headers, entry),
                    !headers.entries[..<index].contains(where: { entry.isSame(as: $0, bytes) })
                else { continue }
                writer.key(lowercasing: slice(bytes, entry.nameStart, Int(entry.nameLength)))
                writer.beginArray()
                write(headers, at: index, bytes, to: &writer)
                for other in index + 1..<max(index + 1, headers.count)
                where entry.isSame(as: headers.entries[other], bytes) {
                    write(headers, at: other, bytes, to: &writer)
                }
                writer.endArray()
            }
        }
        writer.endObject()
    }

    private static func write(
        _ headers: Headers,
        at index: Int,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to writer: inout JSONWriter
    ) {
        let entry = headers.entries[index]
        let value = slice(bytes, entry.valueStart, Int(entry.valueLength))
        writer.beginObject()
        writer.key("key")
        writer.string(slice(bytes, entry.nameStart, Int(entry.nameLength)))
        writer.key("value")
        if value.allSatisfy({ $0 < 0x80 }) {
            writer.string(value)
        } else {
            writer.string(headers.value(at: index))
        }
        writer.endObject()
    }

    private static func slice(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ start: UInt32,
        _ count: Int
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(start)..<Int(start) + count])
    }

    private static func write(_ origin: Origin, to writer: inout JSONWriter) {
        writer.key("origin")
        writer.beginObject()
        writer.key(origin.isS3 ? "s3" : "custom")
        writer.beginObject()
        if origin.isS3 {
            let isNamed = !origin.originAccessIdentity.isEmpty
            writer.field("authMethod", isNamed ? "origin-access-identity" : "none")
        }
        writer.key("customHeaders")
        writer.beginObject()
        for (name, value) in origin.customHeaders.sorted(by: { $0.key < $1.key }) {
            writer.key(name.lowercased())
            writer.beginArray()
            writer.beginObject()
            writer.field("key", name)
            writer.field("value", value)
            writer.endObject()
            writer.endArray()
        }
        writer.endObject()
        writer.field("domainName", origin.domainName)
        if origin.isS3 {
            writer.field("path", origin.path)
            writer.field("readTimeout", origin.readTimeout)
            writer.field("region", origin.region)
            writer.field("responseCompletionTimeout", origin.responseCompletionTimeout)
        } else {
            let isTLS = origin.protocolPolicy == .httpsOnly
            writer.field("keepaliveTimeout", origin.keepaliveTimeout)
            writer.field("path", origin.path)
            writer.field("port", isTLS ? origin.httpsPort : origin.httpPort)
            writer.field("protocol", isTLS ? "https" : "http")
            writer.field("readTimeout", origin.readTimeout)
            writer.field("responseCompletionTimeout", origin.responseCompletionTimeout)
            writer.key("sslProtocols")
            writer.beginArray()
            for name in origin.sslProtocols { writer.string(name) }
            writer.endArray()
        }
        writer.endObject()
        writer.endObject()
    }
}
