import HTTP
import Reactor
import Telemetry

// One stream's exchange, from its head to its last frame.

extension H2Driver {
    /// Answers one request; runs in the stream's task.
    func serve(_ stream: Stream) async {
        // The head changes hands without a copy, so that nobody shares its fields.
        var exchange = Exchange(
            request: RequestHead(method: "", path: ""),
            body: makeContent(stream),
            viewer: viewer,
            context: context
        )
        swap(&exchange.request, &stream.request.head)
        let link = ViewerLink { [stream] in Self.sendInterim($0, on: stream) }
        stream.channel.viewer = link
        exchange.link = link
        if listener.sink != nil { open(&exchange, stream.started) }
        let isHead = exchange.request.method == "HEAD" && !stream.request.isTunnel
        let response =
            listener.admission.isShedding
            ? listener.admission.refusal()
            : await listener.handler.handler(for: &exchange).respond(to: &exchange)
        if exchange.record.status == 0 { exchange.record.status = response.head.status }
        await answer(response, isHead: isHead, on: stream)
        var record = AccessRecord()
        swap(&record, &exchange.record)
        stream.record = consume record
    }

    private func open(_ exchange: inout Exchange, _ started: MonotonicInstant) {
        exchange.record.startedAt = context.secondsSince1970(started)
        exchange.record.method = exchange.request.method
        exchange.record.host = exchange.request.host
        exchange.record.uri = exchange.request.target
        exchange.record.clientIP = viewer.address
    }

    /// The content as far as it has arrived, or the way to what is still to come.
    private func makeContent(_ stream: Stream) -> Body {
        let channel = stream.channel
        if stream.request.ends || stream.request.isTunnel { return .empty }
        if let bytes = channel.takeArrived(limit: H1Driver.arrivedBody) {
            return bytes.isEmpty ? .empty : .bytes(bytes)
        }
        return .stream(channel, length: stream.request.contentLength)
    }

    private static func sendInterim(_ head: ResponseHead, on stream: Stream) {
        guard (100...199).contains(head.status), head.status != 101, !stream.isAnswered,
            !stream.channel.isClosed
        else { return }
        stream.channel.link.session.sendInterim(head, on: stream.channel.id)
        stream.channel.link.wake()
    }

    private func answer(_ response: Response, isHead: Bool, on stream: Stream) async {
        let channel = stream.channel
        guard !channel.isClosed, channel.fault == nil else {
            if case .upgrade(let origin) = response.body { origin.close() }
            return
        }
        stream.isAnswered = true
        if response.closesConnection { drain() }
        if case .upgrade(let origin) = response.body {
            return await tunnel(response.head, origin, stream)
        }
        if stream.request.isTunnel { channel.discard() }
        let status = response.head.status
        let hasNoContent = isHead || status == 204 || status == 304
        let (length, content) = Self.framing(
            of: response,
            isHead: isHead,
            hasNoContent: hasNoContent
        )
        context.refreshClock()
        channel.link.session.respond(
            response.head,
            length: length,
            date: context.clock.date,
            content: content,
            on: channel.id
        )
        channel.link.wake()
        if case .open = content, case .stream(let source, let length) = response.body {
            await pump(source, length: length, to: channel)
        }
    }

    private static func framing(
        of response: Response,
        isHead: Bool,
        hasNoContent: Bool
    ) -> (H2Length, H2Content) {
        let status = response.head.status
        if status == 204 { return (.none, .none) }
        let given: H2Length = isHead || status == 304 ? .asGiven : .known(0)
        switch response.body {
        case .empty, .upgrade: return (given, .none)
        case .bytes(let bytes) where bytes.isEmpty: return (given, .none)
        case .bytes(let bytes):
            return (.known(bytes.count), hasNoContent ? .none : .whole(bytes))
        case .stream(_, length: nil):
            return hasNoContent ? (.asGiven, .none) : (.unknown, .open)
        case .stream(_, let length?):
            return (.known(length), hasNoContent || length == 0 ? .none : .open)
        }
    }

    /// Sends a body piece by piece; a body that fails or lies about its length ends in a reset.
    private func pump(_ source: any BodySource, length: Int?, to channel: H2Channel) async {
        var remaining = length ?? 0
        do throws(Fault) {
            while let piece = try await source.read() {
                if piece.isEmpty { continue }
                if length != nil {
                    guard piece.count <= remaining else { return channel.reset(.internalError) }
                    remaining -= piece.count
                    // The last piece carries the end of the stream, and nobody waits for it.
                    if remaining == 0 { return channel.finish(with: piece) }
                }
                guard await channel.send(piece) else { return }
            }
        } catch {
            return channel.reset(.internalError)
        }
        guard remaining == 0 else { return channel.reset(.internalError) }
        channel.finish(trailers: source.trailers)
    }

    /// Carries a WebSocket that the origin has accepted.
    private func tunnel(_ head: ResponseHead, _ origin: any DuplexStream, _ stream: Stream) async {
        let channel = stream.channel
        guard stream.request.isTunnel, head.status == 101 else {
            // HTTP/2 has no 101 (RFC 9113 §8.6): nobody asked for this upgrade.
            origin.close()
            return channel.reset(.internalError)
        }
        channel.link.session.respond(
            H2WebSocket.makeAnswer(head),
            length: .none,
            date: context.clock.date,
            content: .open,
            isTunnel: true,
            on: channel.id
        )
        channel.link.wake()
        let viewer = H2Tunnel(channel, idle: limits.upgradeIdle)
        await StreamPump.run(viewer, origin, on: context.reactor)
    }
}
