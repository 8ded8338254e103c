import Crypto
import DataPlane
import Executor
import HTTP
import JSON
import Model
import Reactor
import Registry

/// Invoking functions.
extension LambdaService {
    /// How long a call waits for a function whose creation the edges have not applied yet.
    private static let pendingLimit = Duration.seconds(2)

    func invoke(_ call: APICall) async throws(APIError) -> APIReply {
        let type = call["InvocationType"]?.string ?? "RequestResponse"
        let (invocation, version) = try await invocation(call)
        switch type {
        case "DryRun": return .empty(204)
        case "Event":
            try await queue(invocation)
            return .empty(202)
        default:
            let wantsTail = call["LogType"]?.string == "Tail"
            if wantsTail { tails.open(call.id) }
            let result = await invoker.invoke(invocation)
            let tail = wantsTail ? tails.close(call.id) : nil
            return try Self.reply(result, version, call, tail: tail)
        }
    }

    func invokeAsync(_ call: APICall) async throws(APIError) -> APIReply {
        let (invocation, _) = try await invocation(call)
        try await queue(invocation)
        var reply = APIReply(status: 202)
        reply.raw = ("application/json", .bytes(Array("{\"Status\":202}".utf8)))
        return reply
    }

    /// The checked invocation that a call asks for, with the version that it runs.
    private func invocation(
        _ call: APICall
    ) async throws(APIError) -> (Invocation, FunctionVersion) {
        let snapshot = try await ledger.snapshot()
        let reference = try reference(call, in: snapshot)
        let found = try find(reference, in: snapshot)
        guard let key = snapshot.resolve(function: reference.arn),
            let version = snapshot.functions[key]
        else { throw .functionNotFound(reference.arn) }
        let payload = call.payload.isEmpty ? Array("{}".utf8) : call.payload
        do throws(JSONError) { _ = try JSONValue.parse(payload[...]) } catch {
            throw .unreadableJSON("Could not parse payload into json: \(error)")
        }
        guard RuntimeKind(version) != nil else { throw .runtime(version.runtime) }
        if version.sealedVariables != nil { throw .sealedVariables }
        try await waitWhilePending(found.configuration)
        if snapshots(version.qualifiedName) == .preparing,
            let refusal = APIError.snapStart(.snapshotNotReady)
        {
            throw refusal
        }
        var invocation = Invocation(
            function: version.qualifiedName,
            payload: payload[...],
            requestID: call.id,
            limit: .seconds(version.timeout + 30),
            maximumResponse: Invocation.largestResponse
        )
        invocation.arn = reference.arn
        invocation.clientContext = try Self.clientContext(call)
        invocation.traceID = call.head.headers["x-amzn-trace-id"]
        return (invocation, version)
    }

    /// The client's context, which travels as Base64 of a JSON object.
    private static func clientContext(_ call: APICall) throws(APIError) -> String? {
        guard let text = call["ClientContext"]?.string, !text.isEmpty else { return nil }
        guard let bytes = Base64.decode(text), (try? JSONValue.parse(bytes[...]))?.object != nil
        else {
            throw APIError(
                400,
                "InvalidRequestContentException",
                "Client context must be a valid Base64-encoded JSON object."
            )
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func waitWhilePending(_ configuration: JSONObject) async throws(APIError) {
        if configuration["IsUpdate"]?.bool == true { return }
        let isThere = await ledger.applied.wait(until: .now + Self.pendingLimit) {
            isEverywhere(configuration)
        }
        guard isThere else {
            throw .conflict(
                "The operation cannot be performed at this time. The function is currently in "
                    + "the following state: Pending"
            )
        }
    }

    private func queue(_ invocation: Invocation) async throws(APIError) {
        switch await invoker.enqueue(invocation) {
        case .throttled(let reason)?: throw .throttled(reason)
        case .notFound(let name)?: throw .functionNotFound(name)
        case nil, .success?, .functionError?: break
        }
    }

    private static func reply(
        _ result: InvocationResult,
        _ version: FunctionVersion,
        _ call: APICall,
        tail: [UInt8]?
    ) throws(APIError) -> APIReply {
        var output = JSONObject()
        output["ExecutedVersion"] = .string(version.versionText)
        var reply = APIReply()
        switch result {
        case .success(let bytes): reply.payload = Array(bytes)
        case .functionError(let failure, let bytes):
            if let refusal = APIError.snapStart(failure) { throw refusal }
            output["FunctionError"] = "Unhandled"
            reply.payload = Array(bytes)
        case .throttled(let reason): throw .throttled(reason)
        case .notFound: throw .functionNotFound(version.arn)
        }
        output["LogResult"] = tail.map { .string(Base64.encode($0)) }
        reply.output = .object(output)
        reply.headers.append(("Content-Type", "application/json"))
        return reply
    }

    // MARK: Streams

    func invokeWithResponseStream(_ call: APICall) async throws(APIError) -> APIReply {
        let (invocation, version) = try await invocation(call)
        if call["InvocationType"]?.string == "DryRun" { return .empty(204) }
        let wantsTail = call["LogType"]?.string == "Tail"
        if wantsTail { tails.open(call.id) }
        let tails = tails
        let tail: () -> [UInt8]? = { wantsTail ? tails.close(call.id) : nil }
        var output = JSONObject()
        output["ExecutedVersion"] = .string(version.versionText)
        var reply = APIReply(.object(output))
        let body: RawBody
        switch await invoker.stream(invocation) {
        case .streamed(let answer):
            body = .stream(ReactorLocal(EventStreamBody(answer, tail: tail)))
        case .whole(let result):
            let log = tail()
            var stream = EventStream()
            switch result {
            case .success(let bytes):
                stream.payloadChunks(Array(bytes))
                stream.complete(error: nil, tail: log)
            case .functionError(let failure, let bytes):
                if let refusal = APIError.snapStart(failure) { throw refusal }
                stream.complete(error: bytes, tail: log)
            case .throttled(let reason): throw .throttled(reason)
            case .notFound: throw .functionNotFound(version.arn)
            }
            body = .bytes(stream.bytes)
        }
        reply.raw = ("application/vnd.amazon.eventstream", body)
        return reply
    }
}
