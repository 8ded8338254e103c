import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Registry
import Synchronization

/// The Lambda API: invocation and management of functions, versions and aliases.
///
/// `$LATEST` is the newest version: every change of code is a version at once.
final class LambdaService: Sendable {
    /// The largest payload of a synchronous call, in bytes.
    static let maximumPayload = 6_291_456
    /// The largest payload of an asynchronous call, in bytes.
    static let maximumEventPayload = 1_048_576
    /// The largest management request, in bytes.
    static let maximumRequest = 70_167_211
    /// How many asynchronous calls may run or wait at once.
    static let maximumPendingEvents = 1000

    let registry: PrimaryRegistry
    let invoker: any FunctionInvoker
    private let logicalIDs: @Sendable (String) -> String?
    private let pendingEvents = Atomic<Int>(0)

    init(
        registry: PrimaryRegistry,
        invoker: any FunctionInvoker,
        logicalIDs: @escaping @Sendable (String) -> String?
    ) {
        self.registry = registry
        self.invoker = invoker
        self.logicalIDs = logicalIDs
    }

    func respond(to exchange: inout Exchange) async throws(APIError) -> Response {
        let request = exchange.request
        let parts = request.path.split(separator: "/").map {
            String($0).removingPercentEncoding ?? String($0)
        }
        guard parts.count >= 2, parts[0] == "2015-03-31", parts[1] == "functions" else {
            throw Self.unknown(request)
        }
        let query = Query(request.query)
        if parts.count == 2 {
            switch request.method {
            case "GET": return try await list(query)
            case "POST": return try await create(try await Self.document(exchange))
            default: throw Self.unknown(request)
            }
        }
        let name = try await reference(parts[2], query["Qualifier"])
        let rest = parts.dropFirst(3).joined(separator: "/")
        switch (request.method, rest) {
        case ("POST", "invocations"): return try await invoke(name, &exchange)
        case ("GET", ""): return try await get(name)
        case ("GET", "configuration"):
            return Self.json(200, Self.configuration(try await resolve(name), as: name))
        case ("DELETE", ""): return try await delete(name)
        case ("PUT", "code"):
            return try await updateCode(name, try await Self.document(exchange))
        case ("GET", "versions"): return try await versions(name)
        case ("POST", "versions"):
            return try await publish(name, try await Self.document(exchange))
        case ("GET", "aliases"): return try await aliases(name)
        case ("POST", "aliases"):
            return try await putAlias(name, nil, try await Self.document(exchange))
        case (let method, let rest) where rest.hasPrefix("aliases/"):
            return try await alias(name, String(rest.dropFirst(8)), method, exchange)
        default: throw Self.unknown(request)
        }
    }

    /// The function that a path names, by name, ARN or logical id, with its qualifier.
    private func reference(
        _ text: String,
        _ qualifier: String?
    ) async throws(APIError) -> FunctionARN {
        var text = text
        let fields = text.split(separator: ":")
        if fields.count >= 3, fields[1] == "function" {
            text = fields.dropFirst(2).joined(separator: ":")
        }
        guard var arn = FunctionARN(text), !arn.name.isEmpty,
            arn.name.utf8.allSatisfy({
                $0 == 0x2D || $0 == 0x5F
                    || Character(UnicodeScalar($0)).isASCII
                        && (Character(UnicodeScalar($0)).isLetter
                            || Character(UnicodeScalar($0)).isNumber)
            })
        else {
            throw APIError(
                400,
                "ValidationException",
                "1 validation error detected: Value '\(text)' at 'functionName' failed to satisfy "
                    + "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"
            )
        }
        if let qualifier {
            if let own = arn.qualifier, own != qualifier {
                throw .invalid(
                    "The derived qualifier from the function name does not match the specified "
                        + "qualifier."
                )
            }
            arn.qualifier = qualifier
        }
        let snapshot = try await current()
        if !snapshot.functions.values.contains(where: { $0.name == arn.name }),
            let name = logicalIDs(arn.name)
        {
            arn.name = name
        }
        return arn
    }

    func current() async throws(APIError) -> Snapshot {
        do { return try await registry.snapshot() } catch { throw .service(error) }
    }

    /// The version that a reference means now.
    func resolve(_ arn: FunctionARN) async throws(APIError) -> FunctionVersion {
        let snapshot = try await current()
        let reference = arn.qualifier.map { "\(arn.name):\($0)" } ?? arn.name
        guard let key = snapshot.resolve(function: reference), let version = snapshot.functions[key]
        else { throw .notFound(arn.text) }
        return version
    }

    func publish(_ changes: [Change]) async throws(APIError) {
        do {
            _ = try await registry.publish(changes)
        } catch let error as RegistryError where error.kind == .invalid {
            throw .invalid(error.description)
        } catch { throw .service(error) }
    }

    private func invoke(
        _ arn: FunctionARN,
        _ exchange: inout Exchange
    ) async throws(APIError) -> Response {
        let headers = exchange.request.headers
        let type = headers["x-amz-invocation-type"] ?? "RequestResponse"
        guard ["RequestResponse", "Event", "DryRun"].contains(type) else {
            throw APIError(
                400,
                "ValidationException",
                "1 validation error detected: Value '\(type)' at 'invocationType' failed to satisfy "
                    + "constraint: Member must satisfy enum value set: "
                    + "[Event, RequestResponse, DryRun]"
            )
        }
        let version = try await resolve(arn)
        let limit = type == "Event" ? Self.maximumEventPayload : Self.maximumPayload
        var payload = try await Self.content(exchange.body, limit: limit) {
            "\($0) byte payload is too large for the \(type) invocation type (limit \(limit) bytes)"
        }
        if payload.isEmpty { payload = Array("{}".utf8) }
        do throws(JSONError) {
            _ = try JSONValue.parse(payload[...])
        } catch {
            throw APIError(
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: \(error)"
            )
        }
        let id = UUID().uuidString.lowercased()
        let invocation = Invocation(
            function: version.qualifiedName,
            payload: payload[...],
            requestID: id,
            limit: .seconds(version.timeout + 30),
            maximumResponse: Self.maximumPayload
        )
        switch type {
        case "DryRun": return Self.empty(204, id)
        case "Event":
            try queue(invocation, exchange)
            return Self.empty(202, id)
        default:
            let result = await invoker.invoke(invocation)
            return try Self.answer(result, version, id)
        }
    }

    private func queue(_ invocation: Invocation, _ exchange: Exchange) throws(APIError) {
        let pending = pendingEvents.add(1, ordering: .relaxed).newValue
        guard pending <= Self.maximumPendingEvents else {
            pendingEvents.subtract(1, ordering: .relaxed)
            throw .throttled("ConcurrentInvocationLimitExceeded")
        }
        exchange.context.reactor.submit { [self] in
            _ = await invoker.invoke(invocation)
            pendingEvents.subtract(1, ordering: .relaxed)
        }
    }

    private static func answer(
        _ result: InvocationResult,
        _ version: FunctionVersion,
        _ id: String
    ) throws(APIError) -> Response {
        var headers: Headers = [
            "Content-Type": "application/json", "x-amzn-RequestId": id,
            "X-Amz-Executed-Version": String(version.version),
        ]
        switch result {
        case .success(let bytes):
            return Response(head: ResponseHead(status: 200, headers: headers), body: .bytes(bytes))
        case .functionError(_, let payload):
            headers.append("X-Amz-Function-Error", "Unhandled")
            return Response(
                head: ResponseHead(status: 200, headers: headers),
                body: .bytes(payload)
            )
        case .throttled(let reason): throw .throttled(reason)
        case .notFound: throw .notFound(version.arn)
        }
    }

    static func unknown(_ request: RequestHead) -> APIError {
        let isForm =
            request.headers["content-type"]?.hasPrefix("application/x-www-form-urlencoded") == true
        return APIError(
            isForm ? 400 : 404,
            isForm ? "InvalidAction" : "UnknownOperationException",
            "\(request.method) \(request.path) is not supported here"
        )
    }

    static func content(
        _ body: Body,
        limit: Int,
        tooLarge: (Int) -> String
    ) async throws(APIError) -> [UInt8] {
        var bytes: [UInt8] = []
        switch body {
        case .empty, .upgrade: break
        case .bytes(let all): bytes = Array(all)
        case .stream(let source, let length):
            if let length, length > limit {
                throw APIError(413, "RequestEntityTooLargeException", tooLarge(length))
            }
            do throws(Fault) {
                while bytes.count <= limit, let piece = try await source.read() { bytes += piece }
            } catch {
                throw APIError(400, "InvalidRequestContentException", "the body did not arrive")
            }
        }
        guard bytes.count <= limit else {
            throw APIError(413, "RequestEntityTooLargeException", tooLarge(bytes.count))
        }
        return bytes
    }

    static func document(_ exchange: Exchange) async throws(APIError) -> JSONValue {
        let bytes = try await content(exchange.body, limit: maximumRequest) { _ in
            "Request must be smaller than \(maximumRequest) bytes"
        }
        do throws(JSONError) {
            return try JSONValue.parse(bytes.isEmpty ? Array("{}".utf8)[...] : bytes[...])
        } catch {
            throw APIError(
                400,
                "InvalidRequestContentException",
                "Could not parse request body into json: \(error)"
            )
        }
    }

    static func json(_ status: Int, _ value: JSONValue) -> Response {
        Response(
            head: ResponseHead(
                status: status,
                headers: [
                    "Content-Type": "application/json",
                    "x-amzn-RequestId": UUID().uuidString.lowercased(),
                ]
            ),
            body: .bytes(value.encoded()[...])
        )
    }

    static func empty(_ status: Int, _ id: String = UUID().uuidString.lowercased()) -> Response {
        Response(head: ResponseHead(status: status, headers: ["x-amzn-RequestId": id]))
    }
}
