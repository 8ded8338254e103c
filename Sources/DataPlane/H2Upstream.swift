import HTTP
import Reactor

/// One HTTP/2 connection to an origin, shared by the exchanges of its reactor.
///
/// Confined to its reactor.
final class H2Upstream: H2LinkOwner {
    /// How long a connection that takes no more requests may stay with its last ones.
    private static let busyPatience: Duration = .seconds(3600)

    private let reactor: Reactor
    private let limits: UpstreamLimits
    private let scheme: StaticString
    private weak var group: H2Upstreams?
    @exclusivity(unchecked)
    private var link: H2Link?
    @exclusivity(unchecked)
    private var idleSince: MonotonicInstant

    init(_ connection: Connection, limits: UpstreamLimits) throws(Fault) {
        reactor = connection.reactor
        self.limits = limits
        scheme = connection.tls == nil ? "http" : "https"
        idleSince = connection.reactor.time
        let session: H2Session
        do throws(H2Error) {
            session = try H2Session(.client, heads: UpstreamPool.headLimits)
        } catch {
            connection.close()
            throw Fault(.overloaded(error.reason), side: .edge)
        }
        var rules = ConnectionLimits()
        rules.bodyIdle = limits.response
        rules.sendIdle = limits.response
        rules.drain = .zero
        link = H2Link(connection, session: session, limits: rules, owner: self)
    }

    /// Runs the connection to its end in a task of its own and leaves the group then.
    func start(in group: H2Upstreams) {
        self.group = group
        group.connections.append(self)
        let local = ReactorLocal(self)
        Task(executorPreference: reactor) {
            await local.value.run()
        }
    }

    private func run() async {
        await link?.run()
        link = nil
        group?.connections.removeAll { $0 === self }
    }

    /// Whether another request can be sent now.
    var takesRequests: Bool {
        guard let link, !link.isOver else { return false }
        return link.session.takesRequests
    }

    /// Ends the connection with its last stream.
    func shutDown() {
        link?.session.shutDown()
        link?.wake()
    }

    // MARK: What the link tells

    var readDeadline: MonotonicInstant {
        guard link?.channels.isEmpty ?? true else { return reactor.time + Self.busyPatience }
        return idleSince + limits.keepAlive
    }

    func outlivesSilence() -> Bool {
        guard let link, link.channels.isEmpty, idleSince + limits.keepAlive <= reactor.time else {
            return true
        }
        link.session.shutDown()
        return false
    }

    func handle(_ event: H2Event) {
        // nghttp2 itself closes the streams that a GOAWAY leaves out, as refused.
        if case .goaway = event { link?.wake() }
    }

    func closed(_ stream: Int32, _ channel: H2Channel?, bytesSent: Int) { idleSince = reactor.time }
}

// MARK: - One request

extension H2Upstream {
    /// Sends a request and gives the final head with the content to pull.
    func call(
        _ request: RequestHead,
        _ body: Body,
        _ interim: ((ResponseHead) async -> Void)?
    ) async throws(Fault) -> Response {
        let channel = try open(request, body)
        if case .stream(let source, let length) = body {
            H2Upload(source, length: length, to: channel).start()
        }
        do throws(Fault) {
            while true {
                let (head, length) = try await channel.readHead()
                guard head.status < 200 else {
                    return Response(head: head, body: content(channel, length, request.method))
                }
                await interim?(head)
            }
        } catch {
            channel.fail(Fault(.cancelled, side: .edge))
            var fault = error
            if fault.kind == .connectionReset, UpstreamCall.isReplayable(request, body) {
                fault.retry = .safe
            }
            throw fault
        }
    }

    private func open(_ request: RequestHead, _ body: Body) throws(Fault) -> H2Channel {
        guard let link, !link.isOver else {
            throw Fault(.connectionReset, side: .origin, retry: .safe)
        }
        // Neither CloudFront nor an ALB carries WebSockets to origins that are spoken to in HTTP/2.
        guard !request.headers.contains(.upgrade) else {
            throw Fault(
                .misconfigured("upgrade"),
                side: .edge,
                detail: "an origin that speaks HTTP/2 takes no upgrade (RFC 9113 §8.6)"
            )
        }
        let (content, length) = Self.content(of: body, method: request.method)
        let stream: Int32
        do throws(H2Error) {
            stream = try link.session.request(
                request,
                scheme: scheme,
                length: length,
                content: content,
                takesTrailers: request.headers.isGRPC
            )
        } catch {
            throw Fault(.connectionReset, side: .origin, retry: .safe, detail: error.reason)
        }
        let channel = H2Channel(
            stream,
            on: link,
            readingFrom: .origin,
            idle: limits.response,
            sendIdle: limits.response
        )
        link.add(channel)
        link.wake()
        return channel
    }

    /// What follows a request's head, and what `content-length` says.
    private static func content(of body: Body, method: String) -> (H2Content, Int?) {
        switch body {
        case .empty, .upgrade:
            return (.none, ["POST", "PUT", "PATCH"].contains(method) ? 0 : nil)
        case .bytes(let bytes): return (.whole(bytes), bytes.count)
        case .stream(_, let length): return (.open, length)
        }
    }

    private func content(
        _ channel: H2Channel,
        _ length: Int?,
        _ method: String
    ) -> Body {
        if let bytes = channel.takeArrived(limit: H1Driver.arrivedBody) {
            return bytes.isEmpty ? .empty : .bytes(bytes)
        }
        return .stream(H2OriginBody(channel), length: method == "HEAD" ? nil : length)
    }
}

/// Streams a request's content while the response may already come.
///
/// Confined to its reactor.
private final class H2Upload {
    private let source: any BodySource
    private let length: Int?
    private let channel: H2Channel

    init(_ source: any BodySource, length: Int?, to channel: H2Channel) {
        self.source = source
        self.length = length
        self.channel = channel
    }

    func start() {
        channel.isPatient = true
        let local = ReactorLocal(self)
        Task(executorPreference: channel.link.reactor) {
            await local.value.run()
            local.value.channel.isPatient = false
        }
    }

    /// A request that fails ends the stream; an origin that has lost its interest ends the upload only.
    private func run() async {
        var remaining = length ?? .max
        do throws(Fault) {
            while let piece = try await source.read() {
                if piece.isEmpty { continue }
                remaining -= piece.count
                if remaining == 0 { return channel.finish(with: piece) }
                guard remaining > 0, await channel.send(piece) else { return }
            }
        } catch {
            // The origin must not take a cut body for a whole one.
            return channel.fail(error)
        }
        channel.finish(trailers: source.trailers)
    }
}

/// An origin's content; letting go of it before its end resets the stream.
final class H2OriginBody: BodySource {
    private let channel: H2Channel

    init(_ channel: H2Channel) { self.channel = channel }

    deinit {
        if !channel.isFinished || !channel.hasFinishedSending {
            channel.fail(Fault(.cancelled, side: .edge))
        }
    }

    var trailers: Headers { channel.trailers }
    var isReady: Bool { channel.isReady }

    func read() async throws(Fault) -> Bytes? { try await channel.read() }
}
