import HTTP
import Reactor

/// One request and its response on one upstream connection.
struct UpstreamCall {
    /// How many interim (1xx) responses one request may bring.
    static let maximumInterim = 32
    private let connection: Connection
    private let pool: UpstreamPool
    private let queue: UpstreamQueue
    private let limits: UpstreamLimits

    init(
        _ connection: Connection,
        pool: UpstreamPool,
        queue: UpstreamQueue,
        limits: UpstreamLimits
    ) {
        self.connection = connection
        self.pool = pool
        self.queue = queue
        self.limits = limits
    }

    func run(
        _ request: RequestHead,
        _ body: Body,
        _ link: ViewerLink?
    ) async throws(Fault) -> Response {
        connection.link = link
        var upload: Upload?
        do throws(Fault) {
            if !pushRequest(request, body) { upload = try await sendRequest(request, body) }
            return try await readResponse(request, body, link, upload)
        } catch {
            upload?.stop()
            connection.close()
            throw error
        }
    }

    /// Writes a request without content; false when there is content or the socket takes no more now.
    private func pushRequest(_ request: RequestHead, _ body: Body) -> Bool {
        switch body {
        case .empty, .upgrade: break
        case .bytes, .stream: return false
        }
        let needsLength =
            request.method == "POST" || request.method == "PUT" || request.method == "PATCH"
        H1Serializer.append(
            request,
            framing: needsLength ? .length(0) : .none,
            into: &connection.output
        )
        return connection.push() == .done
    }

    /// Sends what `pushRequest` did not; gives the upload that goes on beside the response.
    private func sendRequest(
        _ request: RequestHead,
        _ body: Body
    ) async throws(Fault) -> Upload? {
        let deadline = connection.deadline(limits.response)
        let outcome: Connection.Outcome
        var upload: Upload?
        switch body {
        case .empty, .upgrade: outcome = await connection.flush(until: deadline)
        case .bytes(let bytes):
            H1Serializer.append(request, framing: .length(bytes.count), into: &connection.output)
            outcome = await connection.write(bytes, until: deadline)
        case .stream(let source, let length):
            let framing: H1Serializer.Framing = length.map { .length($0) } ?? .chunked
            H1Serializer.append(request, framing: framing, into: &connection.output)
            outcome = await connection.flush(until: deadline)
            let started = Upload(
                source,
                to: connection,
                framing: framing,
                idle: limits.response
            )
            if outcome == .done { started.start() } else { started.stop() }
            upload = started
        }
        if outcome != .done { throw fault(outcome, request, body, upload) }
        return upload
    }

    private func readResponse(
        _ request: RequestHead,
        _ body: Body,
        _ link: ViewerLink?,
        _ upload: Upload?
    ) async throws(Fault) -> Response {
        var interimCount = 0
        while true {
            var parsed = try await readHead(request, body, upload)
            let status = parsed.head.status
            if status == 101 {
                guard request.headers.contains("upgrade") else {
                    throw malformed("an upgrade that nobody asked for")
                }
                let stream = ConnectionStream(
                    connection,
                    idle: .seconds(600),
                    side: .origin
                )
                connection.link = nil
                return Response(head: parsed.head, body: .upgrade(stream))
            }
            if status < 200 {
                interimCount += 1
                guard interimCount <= Self.maximumInterim else {
                    throw malformed("more than \(Self.maximumInterim) interim responses")
                }
                await link?.sendInterim?(parsed.head)
                continue
            }
            // A response that is here as a whole needs no lease, unless its request is still going out.
            if upload == nil, let bytes = takeArrived(parsed.framing) {
                pool.takeBack(
                    connection,
                    to: queue,
                    keepAlive: parsed.keepAlive ? limits.keepAlive : .zero
                )
                var content: Body = bytes.isEmpty ? .empty : .bytes(bytes)
                return Response(taking: &parsed.head, &content)
            }
            let content = MessageBody(
                connection,
                framing: parsed.framing,
                side: .origin,
                idle: limits.response
            )
            content.hold(
                UpstreamLease(
                    connection,
                    pool: pool,
                    queue: queue,
                    keepAlive: parsed.keepAlive ? limits.keepAlive : .zero,
                    upload: upload
                )
            )
            return Response(head: parsed.head, body: .stream(content, length: content.length))
        }
    }

    /// The whole content when it came with its head, and when there is none; else nil.
    private func takeArrived(_ framing: BodyFraming) -> Bytes? {
        switch framing {
        case .none: return []
        case .length(let length) where length <= connection.input.count:
            return pool.takeBody(length, from: connection)
        default: return nil
        }
    }

    private func readHead(
        _ request: RequestHead,
        _ body: Body,
        _ upload: Upload?
    ) async throws(Fault) -> ParsedResponse {
        let started = connection.reactor.time
        while true {
            if !connection.input.isEmpty {
                let parsed: ParsedResponse?
                do throws(H1Error) {
                    parsed = try H1Parser.parseResponseHead(
                        connection.input.bytes,
                        limits: UpstreamPool.headLimits,
                        requestMethod: request.method
                    )
                } catch {
                    throw malformed(error.reason)
                }
                if let parsed {
                    connection.input.consume(parsed.consumed)
                    return parsed
                }
            }
            // While the upload goes on the origin's silence is no fault.
            let isUploading = upload != nil && upload?.endedAt == nil
            let from = isUploading ? connection.reactor.time : upload?.endedAt ?? started
            let outcome = await connection.fill(until: from + limits.response)
            if outcome == .done { continue }
            if outcome == .timedOut, isUploading { continue }
            throw fault(outcome, request, body, upload)
        }
    }

    private func malformed(_ reason: String) -> Fault {
        Fault(.malformedMessage(reason), side: .origin, detail: reason)
    }

    /// What a failure before the response's first byte means.
    private func fault(
        _ outcome: Connection.Outcome,
        _ request: RequestHead,
        _ body: Body,
        _ upload: Upload?
    ) -> Fault {
        if let fault = upload?.fault { return fault }
        if Task.isCancelled { return Fault(.cancelled, side: .viewer) }
        if outcome == .timedOut { return Fault(.responseTimeout, side: .origin) }
        guard connection.input.isEmpty else { return Fault(.incompleteBody, side: .origin) }
        return Fault(
            .connectionReset,
            side: .origin,
            retry: Self.isReplayable(request, body) ? .safe : .never,
            detail: "the origin closed before answering"
        )
    }

    /// Whether the request may be sent a second time: an idempotent method (RFC 9110 §9.2.2) and all of its
    /// content at hand.
    static func isReplayable(_ request: RequestHead, _ body: Body) -> Bool {
        if case .stream = body { return false }
        return switch request.method {
        case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE": true
        default: false
        }
    }
}
