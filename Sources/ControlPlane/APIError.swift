import DataPlane
import Executor
import HTTP
import JSON
import Model

/// An error as AWS's services answer it; the protocol of the service gives it its form.
struct APIError: Error {
    var status: Int
    var code: String
    var message: String
    /// Further members of the exception, such as `Reason`.
    var members: [String: String]

    init(_ status: Int, _ code: String, _ message: String, _ members: [String: String] = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.members = members
    }

    /// The breach of a rule of the catalogue, in AWS's words where they say more than the rule's own.
    init(_ rule: APIRule, _ message: String? = nil) {
        self.init(rule.status, rule.code, message ?? rule.text)
    }

    static func service(_ error: any Error) -> APIError {
        APIError(500, "ServiceException", "\(error)")
    }

    /// The refusal of a signature in the words of a service's protocol.
    ///
    /// Source: "Common Errors" of the services' API references.
    static func unsigned(
        _ refusal: RequestVerifier.Refusal,
        _ wire: ServiceModel.WireProtocol
    ) -> APIError {
        let isOlder = wire == .query || wire == .restXML
        let code =
            switch refusal {
            case .missing:
                isOlder ? "MissingAuthenticationToken" : "MissingAuthenticationTokenException"
            case .incomplete: isOlder ? "IncompleteSignature" : "IncompleteSignatureException"
            case .unknownKey, .wrongToken:
                isOlder ? "InvalidClientTokenId" : "UnrecognizedClientException"
            case .wrongService, .mismatch, .outOfTime:
                isOlder ? "SignatureDoesNotMatch" : "InvalidSignatureException"
            case .expired: isOlder ? "RequestExpired" : "InvalidSignatureException"
            }
        let isMissing = isOlder && refusal == .missing
        return APIError(
            403,
            code,
            isMissing ? "Request is missing Authentication Token" : refusal.message
        )
    }

    static let malformedXML = APIError(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema"
    )

    static func unreadableJSON(_ detail: String) -> APIError {
        APIError(
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: \(detail)"
        )
    }

    /// The error in the protocol of the service, or as JSON when no service was recognised.
    func response(_ model: ServiceModel?, id: String) -> Response {
        switch model?.wire {
        case .query, .restXML: return xml(model, id)
        case .json: return amazonJSON(id)
        case .restJSON, nil: return json(model, id)
        }
    }

    private func json(_ model: ServiceModel?, _ id: String) -> Response {
        let shape = model?.exception(code)
        var object = JSONObject()
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            object[name] = .string(value)
        }
        let member = shape?.members.first { $0.name.lowercased() == "message" }
        // Exceptions that the model does not name are of Lambda's older generation.
        let isTyped =
            shape?.member("Type") != nil || code == "RequestEntityTooLargeException"
        if isTyped { object["Type"] = .string(status >= 500 ? "Service" : "User") }
        object[member?.wireName ?? "message"] = .string(message)
        return Response(
            head: ResponseHead(
                status: status,
                headers: [
                    "Content-Type": "application/json", "x-amzn-RequestId": id,
                    "x-amzn-ErrorType": code,
                ]
            ),
            body: .bytes(JSONValue.object(object).encoded()[...])
        )
    }

    /// The older protocol names the error in the body.
    private func amazonJSON(_ id: String) -> Response {
        var object = JSONObject()
        object["__type"] = .string(code)
        object["message"] = .string(message)
        return Response(
            head: ResponseHead(
                status: status,
                headers: ["Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": id]
            ),
            body: .bytes(JSONValue.object(object).encoded()[...])
        )
    }

    private func xml(_ model: ServiceModel?, _ id: String) -> Response {
        var writer = XMLWriter()
        let namespace =
            model?.xmlNamespace
            ?? model.map { "http://\($0.service).amazonaws.com/doc/\($0.version)/" }
        if model?.wire == .restXML { writer.declaration() }
        writer.open("ErrorResponse", namespace: namespace)
        writer.open("Error")
        writer.element("Type", status >= 500 ? "Receiver" : "Sender")
        writer.element("Code", code)
        writer.element("Message", message)
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            writer.element(name, value)
        }
        writer.close("Error")
        writer.element("RequestId", id)
        writer.close("ErrorResponse")
        return Response(
            head: ResponseHead(
                status: status,
                headers: ["Content-Type": "text/xml", "x-amzn-RequestId": id]
            ),
            body: .bytes(writer.bytes[...])
        )
    }
}
