import DataPlane
import HTTP
import JSON
import Reactor

/// A request of an AWS API after its protocol has been read.
struct APICall: Sendable {
    let model: ServiceModel
    let operation: Operation
    /// The members by the model's names; blobs are Base64, times are seconds since 1970.
    var input: JSONValue
    /// The body of an operation whose payload is raw bytes.
    var payload: [UInt8] = []
    let head: RequestHead
    /// Unique to the call; goes into the answer.
    let id: String

    /// A member of the input.
    subscript(member: String) -> JSONValue? { input[member] }

    /// A member that is text; empty when it is missing.
    func text(_ member: String) -> String { input[member]?.string ?? "" }
}

/// A body that stands for itself.
enum RawBody: Sendable {
    case bytes([UInt8])
    /// One that arrives while it is read, on the reactor of the call.
    case stream(ReactorLocal<any BodySource>)

    var body: Body {
        switch self {
        case .bytes(let bytes): .bytes(bytes[...])
        case .stream(let source): .stream(source.value, length: nil)
        }
    }
}

/// What a service answers; the protocol's encoder makes a response of it.
struct APIReply {
    /// The members by the model's names, also those that travel in headers.
    var output: JSONValue
    /// The status when it differs from the model's.
    var status: Int?
    /// The body of an operation whose payload is raw bytes.
    var payload: [UInt8] = []
    /// Headers that the model does not know.
    var headers: [(name: String, value: String)] = []
    /// A body that stands for itself, with its content type.
    var raw: (contentType: String, body: RawBody)?
    /// Whether body and content type are left out.
    var isEmpty = false

    init(_ output: JSONValue = [:], status: Int? = nil) {
        self.output = output
        self.status = status
    }

    /// A reply without a body.
    static func empty(_ status: Int) -> APIReply {
        var reply = APIReply(status: status)
        reply.isEmpty = true
        return reply
    }
}

/// The behaviour behind one service model.
protocol APIService: Sendable {
    /// What a call does, or the service's own error.
    func perform(_ call: APICall) async throws(APIError) -> APIReply
    /// What is said of an operation that is not here, whatever its parameters are; nil for one that may be.
    func absence(of operation: String) -> APIError?
    /// Whether accounts in an operation's parameters and answers are those of callers, not data or another account's.
    func speaksOfAccounts(in operation: String) -> Bool
}

extension APIService {
    func absence(of operation: String) -> APIError? { nil }
    func speaksOfAccounts(in operation: String) -> Bool { true }
}
