import DataPlane
import Executor
import Foundation
import HTTP
import JSON

/// Reads calls of the AWS APIs off requests, checks them, and writes what the services answer.
struct APIFront: Sendable {
    let table: ServiceTable
    /// Checks signatures; nil takes any and none.
    var verifier: RequestVerifier?

    /// Answers one request.
    func respond(to exchange: inout Exchange) async -> Response {
        let id = UUID().uuidString.lowercased()
        let head = exchange.request
        let type = head.headers["content-type"] ?? ""
        // Forms go to the root; elsewhere it is only what a client says of a body when nobody told it.
        let isForm = type.hasPrefix("application/x-www-form-urlencoded") && head.path == "/"
        var entry = table.entry(for: head, isForm: isForm)
        do throws(APIError) {
            var call: APICall
            if entry?.model.wire == .query || entry == nil && (isForm || head.path == "/") {
                let (form, body) = try await form(exchange, entry)
                entry = entry ?? table.entry(version: form["Version"])
                guard let entry else { throw Self.unknown(head) }
                try verify(head, body, entry)
                call = try Self.formCall(form, entry, head, id)
            } else {
                guard let entry else { throw Self.unknown(head) }
                call = try await restCall(exchange, entry, id)
            }
            guard let entry else { throw Self.unknown(head) }
            if let absence = entry.service.absence(of: call.operation.name) { throw absence }
            try check(call, entry)
            let view =
                entry.service.speaksOfAccounts(in: call.operation.name) ? AccountView(head) : nil
            let reply = try await perform(&call, entry.service, view)
            return ResponseEncoder(model: entry.model, id: id).response(reply, to: call.operation)
        } catch {
            return error.response(entry?.model, id: id)
        }
    }

    /// What a service answers, with the account as the caller sees it.
    private func perform(
        _ call: inout APICall,
        _ service: any APIService,
        _ view: AccountView?
    ) async throws(APIError) -> APIReply {
        guard let view else { return try await service.perform(call) }
        call.input = view.swapped(call.input)
        do throws(APIError) {
            var reply = try await service.perform(call)
            reply.output = view.swapped(reply.output)
            return reply
        } catch {
            var error = error
            error.message = view.swapped(error.message)
            error.members = error.members.mapValues { view.swapped($0) }
            throw error
        }
    }

    /// Refuses what is not signed with a known key, where keys are known.
    private func verify(
        _ head: RequestHead,
        _ body: [UInt8],
        _ entry: ServiceTable.Entry
    ) throws(APIError) {
        guard let verifier else { return }
        let refusal = verifier.refusal(
            of: head,
            body: body[...],
            service: entry.model.signingName
        )
        if let refusal { throw .unsigned(refusal, entry.model.wire) }
    }

    private func check(_ call: APICall, _ entry: ServiceTable.Entry) throws(APIError) {
        guard let shape = call.operation.input.map(entry.model.shape) else { return }
        let problems = entry.validation.problems(call.input, shape)
        guard let message = ParameterValidation.message(problems) else { return }
        throw APIError(400, entry.validationCode, message)
    }

    // MARK: REST

    private func restCall(
        _ exchange: Exchange,
        _ entry: ServiceTable.Entry,
        _ id: String
    ) async throws(APIError) -> APICall {
        let head = exchange.request
        let query = Query(head.query)
        let target = entry.model.operation(target: head.headers["x-amz-target"] ?? "")
        let matched =
            entry.model.wire == .json
            ? target.map { ($0, [:]) }
            : entry.model.match(method: head.method, path: head.path, query: query)
        guard let (operation, labels) = matched else { throw Self.unknown(head) }
        let limit = Self.limit(operation, head, entry)
        let body = try await Self.content(
            exchange.body,
            limit: limit.bytes,
            discards: head.headers["expect"] == nil
        ) { limit.message($0) }
        try verify(head, body, entry)
        let decoder = RequestDecoder(model: entry.model, operation: operation, head: head)
        let (input, payload) = try decoder.rest(labels: labels, query: query, body: body)
        return APICall(
            model: entry.model,
            operation: operation,
            input: input,
            payload: payload,
            head: head,
            id: id
        )
    }

    /// The largest body of an operation, with AWS's sentence for a larger one.
    private static func limit(
        _ operation: Operation,
        _ head: RequestHead,
        _ entry: ServiceTable.Entry
    ) -> (bytes: Int, message: @Sendable (Int) -> String) {
        let isEvent =
            operation.name == "InvokeAsync" || head.headers["x-amz-invocation-type"] == "Event"
        switch operation.name {
        case "Invoke", "InvokeAsync", "InvokeWithResponseStream":
            let bytes = isEvent ? LambdaService.maximumEventPayload : LambdaService.maximumPayload
            let type = isEvent ? "Event" : "RequestResponse"
            return (
                bytes,
                {
                    "\($0) byte payload is too large for the \(type) invocation type "
                        + "(limit \(bytes) bytes)"
                }
            )
        default:
            let bytes = entry.maximumBody
            let name = operation.name
            return (
                bytes,
                { _ in "Request must be smaller than \(bytes) bytes for the \(name) operation" }
            )
        }
    }

    // MARK: Query

    /// The longest form, in bytes.
    private static let maximumForm = 1 << 20

    private func form(
        _ exchange: Exchange,
        _ entry: ServiceTable.Entry?
    ) async throws(APIError) -> (Query, [UInt8]) {
        let body = try await Self.content(exchange.body, limit: Self.maximumForm) { _ in
            "Request must be smaller than \(Self.maximumForm) bytes"
        }
        let inBody = Query(String(decoding: body, as: UTF8.self), plusIsSpace: true)
        let inQuery = Query(exchange.request.query, plusIsSpace: true)
        return (Query(pairs: inBody.pairs + inQuery.pairs), body)
    }

    private static func formCall(
        _ form: Query,
        _ entry: ServiceTable.Entry,
        _ head: RequestHead,
        _ id: String
    ) throws(APIError) -> APICall {
        guard let action = form["Action"] else {
            throw APIError(400, "MissingAction", "The request must contain the parameter Action.")
        }
        guard let operation = entry.model.operations[action] else {
            let version = form["Version"] ?? entry.model.version
            throw APIError(
                400,
                "InvalidAction",
                "Could not find operation \(action) for version \(version)"
            )
        }
        let reader = FormBody(model: entry.model, form: form)
        let shape = operation.input.map(entry.model.shape)
        let input = try shape.map { shape throws(APIError) in try reader.read(shape, at: "") }
        return APICall(
            model: entry.model,
            operation: operation,
            input: (input ?? nil) ?? [:],
            head: head,
            id: id
        )
    }

    // MARK: Bodies

    static func unknown(_ head: RequestHead) -> APIError {
        APIError(
            404,
            "UnknownOperationException",
            "\(head.method) \(head.path) is no operation that is known here"
        )
    }

    /// How much of a body that is too large is read, for clients that read no answer before all is sent.
    ///
    /// Unit: bytes.
    static let maximumDiscarded = LambdaService.maximumRequest

    /// The whole body, or AWS's error when it is larger than allowed.
    ///
    /// With `discards` a larger one is read to its end before it is refused, unless it is very much larger: a
    /// connection that closed earlier would take the answer with it.
    static func content(
        _ body: Body,
        limit: Int,
        discards: Bool = false,
        tooLarge: (Int) -> String
    ) async throws(APIError) -> [UInt8] {
        var bytes: [UInt8] = []
        var size = 0
        switch body {
        case .empty, .upgrade: break
        case .bytes(let all):
            bytes = Array(all)
            size = bytes.count
        case .stream(let source, let length):
            let most = discards ? limit + maximumDiscarded : limit
            if let length, length > most {
                throw APIError(413, "RequestEntityTooLargeException", tooLarge(length))
            }
            do throws(Fault) {
                while size <= most, let piece = try await source.read() {
                    size += piece.count
                    if size > limit { bytes = [] } else { bytes += piece }
                }
            } catch {
                throw APIError(400, "InvalidRequestContentException", "the body did not arrive")
            }
        }
        guard size <= limit else {
            throw APIError(413, "RequestEntityTooLargeException", tooLarge(size))
        }
        return bytes
    }
}
