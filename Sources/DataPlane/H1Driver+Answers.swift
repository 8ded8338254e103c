import HTTP
import Reactor

/// How answers go out.
extension H1Driver {
    /// What decides about the answer's form, when the request itself is already the handler's.
    struct Asked {
        let isHead: Bool
        let keepsAlive: Bool
    }

    /// How a response goes out.
    struct Reply {
        let framing: H1Serializer.Framing
        /// Whether the head is all there is.
        let hasNoContent: Bool
        /// Whether the connection can carry another exchange.
        let keepsAlive: Bool
        /// Whether the request's content is not read to its end.
        let isUnread: Bool
        /// Whether the content lies behind the head in the connection's output.
        var isGathered = false
    }

    /// Writes the head of a response, unless it begins another protocol.
    func begin(
        _ response: Response,
        to asked: Asked,
        _ body: MessageBody?
    ) -> Reply {
        body?.answerStarted = true
        let isHead = asked.isHead
        let status = response.head.status
        let hasNoContent = isHead || status == 204 || status == 304 || status < 200
        let framing = framing(of: response, isHead: isHead)
        var keepsAlive =
            asked.keepsAlive && !isDraining && framing != .untilClose
            && !response.closesConnection
        let isUnread = body.map { !$0.isFinished } ?? false
        if let body, isUnread, body.owesContinue || (body.length ?? 0) > limits.drainBytes {
            keepsAlive = false
        }
        let reply = Reply(
            framing: framing,
            hasNoContent: hasNoContent,
            keepsAlive: keepsAlive,
            isUnread: isUnread
        )
        if case .upgrade = response.body { return reply }
        context.refreshClock()
        H1Serializer.append(
            response.head,
            framing: framing,
            keepsAlive: keepsAlive,
            to: version,
            date: context.clock.date,
            into: &connection.output
        )
        return reply
    }

    /// Sends a response whose content is small as far as the socket takes it; whether nothing is left to do.
    func pushContent(_ content: borrowing Body, _ reply: inout Reply) -> Bool {
        switch copy content {
        case .upgrade: return false
        case _ where reply.hasNoContent: break
        case .empty: break
        case .bytes(let bytes) where connection.gather(bytes): break
        case .bytes, .stream: return false
        }
        reply.isGathered = true
        return connection.push() == .done && (reply.keepsAlive || !reply.isUnread)
    }

    /// Sends what `pushContent` did not; false when the connection cannot carry another exchange.
    func sendRest(of response: Response, _ reply: Reply, _ body: MessageBody?) async -> Bool {
        let deadline = connection.deadline(limits.sendIdle)
        switch response.body {
        case .upgrade(let stream):
            await upgrade(response.head, stream)
            return false
        case _ where reply.isGathered: break
        case .empty: break
        case .bytes(let bytes):
            guard await connection.write(bytes, until: deadline) == .done else { return false }
        case .stream(let source, let length):
            guard await pump(source, length: length, reply.framing) else {
                // Never a clean end for a body cut short.
                connection.close()
                return false
            }
        }
        guard await connection.flush(until: deadline) == .done else { return false }
        if !reply.keepsAlive, body.map({ !$0.isFinished }) ?? false { await linger() }
        return reply.keepsAlive
    }

    private func framing(
        of response: Response,
        isHead: Bool
    ) -> H1Serializer.Framing {
        let status = response.head.status
        if status == 204 || status < 200 { return .none }
        switch response.body {
        case .empty where isHead || status == 304: return .asGiven
        case .empty, .upgrade: return .length(0)
        case .bytes(let bytes):
            if bytes.isEmpty, isHead || status == 304 { return .asGiven }
            return .length(bytes.count)
        case .stream(_, let length?): return .length(length)
        case .stream(_, nil):
            if isHead || status == 304 { return .asGiven }
            return version == .http10 ? .untilClose : .chunked
        }
    }

    /// Sends a body piece by piece; false when it or the viewer failed.
    private func pump(
        _ source: any BodySource,
        length: Int?,
        _ framing: H1Serializer.Framing
    ) async -> Bool {
        var remaining = length ?? 0
        do throws(Fault) {
            while true {
                if !source.isReady, !connection.output.isEmpty {
                    let deadline = connection.deadline(limits.sendIdle)
                    guard await connection.flush(until: deadline) == .done else { return false }
                }
                guard let piece = try await source.read() else { break }
                if piece.isEmpty { continue }
                if length != nil {
                    guard piece.count <= remaining else { return false }
                    remaining -= piece.count
                }
                if framing == .chunked {
                    H1Serializer.appendChunkSize(piece.count, into: &connection.output)
                }
                let deadline = connection.deadline(limits.sendIdle)
                guard await send(piece, framing, deadline) else { return false }
                if length != nil, remaining == 0 { break }
            }
        } catch {
            return false
        }
        if framing == .chunked {
            connection.output.append("0\r\n")
            H1Serializer.appendTrailers(source.trailers, into: &connection.output)
        }
        return remaining == 0
    }

    private func send(
        _ piece: Bytes,
        _ framing: H1Serializer.Framing,
        _ deadline: MonotonicInstant
    ) async -> Bool {
        guard await connection.write(piece, until: deadline) == .done else { return false }
        if framing == .chunked { connection.output.append("\r\n") }
        return true
    }

    /// Writes a head without content and framing: an interim response or the answer to an upgrade.
    func appendBare(_ head: ResponseHead) {
        H1Serializer.append(
            head,
            framing: .none,
            keepsAlive: true,
            to: .http11,
            date: [],
            into: &connection.output
        )
    }

    private func upgrade(_ head: ResponseHead, _ stream: any DuplexStream) async {
        appendBare(head)
        guard await connection.flush(until: connection.deadline(limits.sendIdle)) == .done else {
            stream.close()
            return
        }
        let viewer = ConnectionStream(connection, idle: limits.upgradeIdle, side: .viewer)
        await StreamPump.run(viewer, stream, on: context.reactor)
    }
}
