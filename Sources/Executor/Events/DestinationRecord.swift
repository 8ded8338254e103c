import DataPlane
import HTTP
import JSON
import Model

/// What a destination learns of an event that is done or given up.
///
/// Source: "Capturing records of Lambda asynchronous invocations".
enum DestinationRecord {
    /// The record as JSON; `result` is nil when the function never ran.
    static func make(
        _ event: QueuedEvent,
        condition: String,
        version: String,
        result: InvocationResult?,
        now: Int64
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 512 + event.payload.count)
        json.beginObject()
        json.field("version", "1.0")
        json.field("timestamp", System.timestamp(now))
        json.key("requestContext")
        json.beginObject()
        json.field("requestId", event.id)
        let arn = FunctionARN(name: event.function, qualifier: event.qualifier ?? "$LATEST")
        json.field("functionArn", arn.text)
        json.field("condition", condition)
        json.field("approximateInvokeCount", event.attempts)
        json.endObject()
        json.key("requestPayload")
        json.raw(event.payload)
        if let result { respond(result, version, &json) }
        json.endObject()
        return json.bytes
    }

    /// What a dead letter says of the last attempt: a status and a text.
    ///
    /// Source: "Capturing records of Lambda asynchronous invocations", "Adding a dead-letter queue".
    static func error(of result: InvocationResult?) -> (code: Int, message: String) {
        guard case .functionError(_, let payload)? = result else { return (429, "Rate Exceeded.") }
        let document = try? JSONValue.parse(payload)
        return (
            200, document?["errorMessage"]?.string ?? String(decoding: payload, as: UTF8.self)
        )
    }

    private static func respond(
        _ result: InvocationResult,
        _ version: String,
        _ json: inout JSONWriter
    ) {
        let payload: Bytes
        var isError = false
        switch result {
        case .success(let bytes): payload = bytes
        case .functionError(_, let bytes): (payload, isError) = (bytes, true)
        case .throttled, .notFound: return
        }
        json.key("responseContext")
        json.beginObject()
        json.field("statusCode", 200)
        json.field("executedVersion", version)
        if isError { json.field("functionError", "Unhandled") }
        json.endObject()
        json.key("responsePayload")
        // A record must be JSON even where a runtime's answer isn't.
        if (try? JSONValue.parse(payload)) != nil {
            json.raw(payload)
        } else {
            json.string(String(decoding: payload, as: UTF8.self))
        }
    }
}
