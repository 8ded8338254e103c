import DataPlane
import Foundation
import HTTP
import JSON

/// An error as AWS's REST-JSON services answer it.
struct APIError: Error {
    var status: Int
    var code: String
    var message: String
    var reason: String?

    init(_ status: Int, _ code: String, _ message: String, reason: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.reason = reason
    }

    static func invalid(_ message: String) -> APIError {
        APIError(400, "InvalidParameterValueException", message)
    }

    static func notFound(_ arn: String) -> APIError {
        APIError(404, "ResourceNotFoundException", "Function not found: \(arn)")
    }

    static func conflict(_ message: String) -> APIError {
        APIError(409, "ResourceConflictException", message)
    }

    static func service(_ error: any Error) -> APIError {
        APIError(500, "ServiceException", "\(error)")
    }

    static func throttled(_ reason: String) -> APIError {
        APIError(429, "TooManyRequestsException", "Rate Exceeded.", reason: reason)
    }

    /// What carries `Message`, not `message`, in the service model.
    private static let capitalized: Set<String> = ["ResourceNotFoundException", "ServiceException"]

    /// The error in the protocol that the request speaks.
    func response(to request: RequestHead) -> Response {
        let id = UUID().uuidString.lowercased()
        // Query protocols (load balancing, STS) post forms and read XML.
        let isForm =
            request.headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") == true
        if isForm { return xml(id) }
        var members: JSONObject = JSONObject()
        if let reason { members["Reason"] = .string(reason) }
        if code != "ValidationException" {
            members["Type"] = .string(status >= 500 ? "Service" : "User")
        }
        members[Self.capitalized.contains(code) ? "Message" : "message"] = .string(message)
        if request.headers.contains("x-amz-target") { members["__type"] = .string(code) }
        return Response(
            head: ResponseHead(
                status: status,
                headers: [
                    "Content-Type": "application/json", "x-amzn-RequestId": id,
                    "x-amzn-ErrorType": code,
                ]
            ),
            body: .bytes(JSONValue.object(members).encoded()[...])
        )
    }

    private func xml(_ id: String) -> Response {
        let text = """
            <ErrorResponse><Error><Type>Sender</Type><Code>\(Self.escaped(code))</Code>\
            <Message>\(Self.escaped(message))</Message></Error>\
            <RequestId>\(id)</RequestId></ErrorResponse>
            """
        return Response(status: status, contentType: "text/xml", text: text)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}

/// The parameters of a query string, percent-decoded; the first of a name wins.
struct Query {
    private var values: [String: String] = [:]

    init(_ query: String?) {
        for part in (query ?? "").split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0]).removingPercentEncoding ?? String(pair[0])
            let value = pair.count == 2 ? String(pair[1]) : ""
            if values[name] == nil { values[name] = value.removingPercentEncoding ?? value }
        }
    }

    subscript(name: String) -> String? { values[name] }
}
