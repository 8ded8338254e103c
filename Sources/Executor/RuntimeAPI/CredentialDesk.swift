import DataPlane
import HTTP
import JSON
import Reactor

/// Gives a process its keys where variables would carry them into every copy of it.
///
/// Source: "Using a Container credential provider" of the AWS SDKs reference: a URL and a token in variables.
struct CredentialDesk {
    static let path = "/2021-04-23/credentials"
    /// How long keys are said to last.
    ///
    /// Unit: seconds. Source: "AssumeRole", the longest session.
    static let sessionLimit: Int64 = 43_200

    /// What a request must carry.
    let token: String
    private let credentials: FunctionCredentials

    init(_ credentials: FunctionCredentials) {
        self.credentials = credentials
        var generator = SystemRandomNumberGenerator()
        token = (0..<4).map { _ in String(generator.next() as UInt64, radix: 36) }.joined()
    }

    /// The variables that lead a client here, at an address `HOST:PORT`.
    func variables(at address: String) -> [String: String] {
        [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(address)\(Self.path)",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        ]
    }

    /// The answer to a request with this `Authorization`.
    func answer(_ authorization: String) -> Response {
        guard authorization == token else { return Response(status: 404, text: "") }
        let end = System.milliseconds + Self.sessionLimit * 1000
        var json = JSONWriter(reserving: 256)
        json.beginObject()
        json.field("AccessKeyId", credentials.accessKey)
        json.field("SecretAccessKey", credentials.secretKey)
        json.field("Token", credentials.sessionToken)
        json.field("Expiration", System.timestamp(end))
        json.endObject()
        return RuntimeReplies.json(200, String(decoding: json.bytes, as: UTF8.self))
    }
}
