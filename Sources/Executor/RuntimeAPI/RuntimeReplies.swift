import DataPlane
import HTTP
import JSON

/// The answers of the Runtime API.
enum RuntimeReplies {
    /// What every accepted call gets.
    static var accepted: Response { json(202, "{\"status\":\"OK\"}\n") }

    static var invalidRequestID: Response {
        error(400, "InvalidRequestID", "Invalid request ID")
    }

    static var invalidResponseMode: Response {
        error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
    }

    static var truncated: Response {
        error(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
    }

    static func tooLarge(_ limit: Int) -> Response {
        error(
            413,
            "RequestEntityTooLarge",
            "Exceeded maximum allowed payload size (\(limit) bytes)."
        )
    }

    static func wrongOrder(_ state: RuntimeState, _ event: RuntimeState.Event) -> Response {
        error(
            403,
            "InvalidStateTransition",
            "State transition from \(state.rawValue) to \(event.target.rawValue) failed for runtime. "
                + "Error: State transition is not allowed"
        )
    }

    static var ended: Response { error(500, "InternalServerError", "Internal Server Error") }

    static func error(_ status: Int, _ type: String, _ message: String) -> Response {
        var writer = JSONWriter(reserving: 128)
        writer.beginObject()
        writer.field("errorMessage", message)
        writer.field("errorType", type)
        writer.endObject()
        return json(status, String(decoding: writer.bytes, as: UTF8.self) + "\n")
    }

    static func json(_ status: Int, _ text: String) -> Response {
        Response(status: status, contentType: "application/json", text: text)
    }

    /// The event of an invocation as `next` gives it.
    static func invocation(_ call: EnvironmentCall, attempt: String) -> Response {
        var headers = Headers()
        // Clients compare the content type with exactly this text.
        headers.append("Content-Type", "application/json")
        headers.append("Lambda-Runtime-Aws-Request-Id", call.requestID)
        headers.append("Lambda-Runtime-Deadline-Ms", String(call.deadlineMilliseconds))
        headers.append("Lambda-Runtime-Invoked-Function-Arn", call.arn)
        headers.append("Lambda-Runtime-Invocation-Id", attempt)
        for (name, value) in [
            ("Lambda-Runtime-Trace-Id", call.traceID),
            ("Lambda-Runtime-Client-Context", call.clientContext),
            ("Lambda-Runtime-Cognito-Identity", call.identity),
        ] where !value.isEmpty {
            headers.append(name, value)
        }
        return Response(
            head: ResponseHead(status: 200, headers: headers),
            body: .bytes(call.payload)
        )
    }
}
