package import HTTP
package import Reactor
package import TLS

/// Where a request goes: host, port and how to talk.
package struct UpstreamTarget: Sendable, Hashable {
    package var host: String
    package var port: Int
    package var isTLS: Bool
    /// The name for SNI and certificate verification; nil means `host`.
    package var serverName: String?
    /// Whether the certificate is checked against the trusted roots.
    package var verifies: Bool
    /// What is spoken: HTTP/1.1 or HTTP/2, the latter by ALPN over TLS and by prior knowledge without.
    package var version: HTTPVersion = .http11

    /// Makes a target.
    package init(
        host: String,
        port: Int,
        isTLS: Bool,
        serverName: String? = nil,
        verifies: Bool = true
    ) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
        self.serverName = serverName
        self.verifies = verifies
    }
}

/// The time limits of one request to an origin.
package struct UpstreamLimits: Sendable {
    package var connect: Duration = .seconds(10)
    /// First byte, and between two reads.
    package var response: Duration = .seconds(30)
    package var keepAlive: Duration = .seconds(5)
    /// How often a connection is tried.
    package var attempts = 3

    /// Makes CloudFront's defaults.
    package init() {}
}

/// The idle and busy connections of one reactor to its origins.
///
/// Confined to that reactor.
package final class UpstreamPool {
    /// How many idle connections are kept for one target.
    package static let idlePerTarget = 256
    /// The bounds of an origin's response head.
    static let headLimits = HeadLimits()

    /// How many targets are remembered without an idle connection.
    static let emptyQueues = 1024

    private let reactor: Reactor
    private var client: TLSContext?
    /// The connections of targets that speak HTTP/2.
    var multiplexed: [UpstreamTarget: H2Upstreams] = [:]
    private var queues: [UpstreamTarget: UpstreamQueue] = [:]
    /// The queue asked for last: most requests of a reactor go where the one before went.
    @exclusivity(unchecked)
    private var latest: UpstreamQueue?
    @exclusivity(unchecked)
    private var sweepIsScheduled = false
    /// Where bodies are put that came whole: mostly one is sent on before the next comes.
    @exclusivity(unchecked)
    private var bodyBlock: [UInt8] = []
    /// The largest body that goes there.
    ///
    /// Unit: bytes.
    private static let bodyBlockSize = 16 << 10

    /// Makes an empty pool; without a client context one with the system's roots is made when needed.
    package init(reactor: Reactor, client: TLSContext? = nil) {
        self.reactor = reactor
        self.client = client
    }

    /// Replaces the context of TLS connections to origins, for those made from now on.
    package func useClientContext(_ context: TLSContext) { client = context }

    /// How many connections wait to be used again.
    package var idleCount: Int { queues.values.reduce(0) { $0 + $1.idle.count } }

    /// Sends a request and returns the final response head with its body to pull.
    ///
    /// Hop-by-hop fields must be gone from `request`; framing fields are written here from `body`.
    /// - Throws: a `Fault` of the origin's side.
    package func send(
        _ request: RequestHead,
        body: Body,
        to target: UpstreamTarget,
        limits: UpstreamLimits,
        link: ViewerLink? = nil
    ) async throws(Fault) -> Response {
        if target.version == .http2 {
            return try await sendMultiplexed(
                request,
                body,
                to: target,
                limits: limits,
                interim: link?.sendInterim
            )
        }
        let queue = queue(for: target)
        // A request that may be sent again finds out by itself whether the origin has just closed.
        if let connection = lend(queue, asksSystem: !UpstreamCall.isReplayable(request, body)) {
            let call = UpstreamCall(connection, pool: self, queue: queue, limits: limits)
            do throws(Fault) {
                return try await call.run(request, body, link)
            } catch {
                guard error.retry == .safe, !Task.isCancelled else { throw error }
            }
        }
        let connection = try await connect(target, limits)
        let call = UpstreamCall(connection, pool: self, queue: queue, limits: limits)
        do throws(Fault) {
            return try await call.run(request, body, link)
        } catch {
            var fault = error
            fault.retry = .never
            throw fault
        }
    }

    private func queue(for target: UpstreamTarget) -> UpstreamQueue {
        if let latest, latest.target == target { return latest }
        let queue: UpstreamQueue
        if let known = queues[target] {
            queue = known
        } else {
            if queues.count >= Self.emptyQueues { forgetEmptyQueues() }
            queue = UpstreamQueue(target)
            queues[target] = queue
        }
        latest = queue
        return queue
    }

    private func forgetEmptyQueues() {
        for (target, queue) in queues where queue.idle.isEmpty {
            queue.isListed = false
            queues[target] = nil
        }
    }

    /// The idle connection used last that is still good.
    private func lend(_ queue: UpstreamQueue, asksSystem: Bool) -> Connection? {
        while let last = queue.idle.popLast() {
            if last.until > reactor.time, last.connection.isStillGood(asksSystem: asksSystem) {
                return last.connection
            }
            last.connection.close()
        }
        return nil
    }

    /// Keeps a connection whose response has ended for the next request, if it can carry one.
    ///
    /// A `keepAlive` of no time: the origin or its settings want it closed.
    func takeBack(_ connection: Connection, to queue: UpstreamQueue, keepAlive: Duration) {
        guard connection.isOpen, keepAlive > .zero, queue.isListed, connection.input.isEmpty else {
            connection.sayGoodbye()
            return connection.close()
        }
        connection.input.releaseIfEmpty()
        connection.output.releaseIfEmpty()
        connection.tls?.releaseBuffers()
        connection.link = nil
        let until = reactor.time + keepAlive
        queue.idle.append(UpstreamQueue.Idle(connection: connection, until: until))
        if queue.idle.count > Self.idlePerTarget { queue.idle.removeFirst().connection.close() }
        scheduleSweep(keepAlive)
    }

    /// Takes a body out of a connection's input, which holds all of it.
    func takeBody(_ length: Int, from connection: Connection) -> Bytes {
        guard length <= Self.bodyBlockSize else { return connection.input.take(length) }
        return connection.input.take(length, reusing: &bodyBlock)
    }

    /// Closes every idle connection.
    package func closeIdle() {
        for queue in queues.values {
            for entry in queue.idle { entry.connection.close() }
            queue.idle = []
        }
        for upstream in multiplexed.values.flatMap(\.connections) { upstream.shutDown() }
    }

    private func scheduleSweep(_ delay: Duration) {
        guard !sweepIsScheduled else { return }
        sweepIsScheduled = true
        reactor.schedule(at: reactor.time + max(delay, .milliseconds(100))) { [weak self] in
            self?.sweep()
        }
    }

    private func sweep() {
        sweepIsScheduled = false
        let now = reactor.time
        var next = MonotonicInstant.never
        for queue in queues.values where !queue.idle.isEmpty {
            for entry in queue.idle where entry.until <= now { entry.connection.close() }
            queue.idle.removeAll { $0.until <= now || !$0.connection.isOpen }
            for entry in queue.idle { next = min(next, entry.until) }
        }
        if next != .never { scheduleSweep(next - now) }
    }
}

/// The idle connections to one target, the one used last at the end.
///
/// Confined to its reactor.
final class UpstreamQueue {
    struct Idle {
        let connection: Connection
        let until: MonotonicInstant
    }

    let target: UpstreamTarget
    @exclusivity(unchecked)
    var idle: [Idle] = []
    /// Whether the pool still knows this queue; connections are not given back to one it has forgotten.
    var isListed = true

    init(_ target: UpstreamTarget) { self.target = target }
}

// MARK: - Connecting

extension UpstreamPool {
    func connect(
        _ target: UpstreamTarget,
        _ limits: UpstreamLimits
    ) async throws(Fault) -> Connection {
        var last = Fault(.nameNotResolved, side: .origin, detail: target.host)
        for _ in 0..<max(1, limits.attempts) {
            if Task.isCancelled { throw Fault(.cancelled, side: .viewer) }
            let addresses = await NameResolver.shared.resolve(target.host, port: target.port)
            if addresses.isEmpty { throw last }
            for address in addresses {
                do throws(Fault) {
                    return try await connect(address, target, limits)
                } catch {
                    last = error
                    if case .tlsFailure = error.kind { throw error }
                }
            }
        }
        throw last
    }

    private func connect(
        _ address: SocketAddress,
        _ target: UpstreamTarget,
        _ limits: UpstreamLimits
    ) async throws(Fault) -> Connection {
        let deadline = reactor.time + limits.connect
        let readiness: Readiness
        do throws(SocketError) {
            readiness = reactor.register(try Socket.connect(to: address).release())
        } catch {
            throw Fault(.connectionRefused, side: .origin, detail: error.text)
        }
        switch await readiness.writable(until: deadline) {
        case .ready: break
        case .timedOut:
            reactor.close(readiness)
            throw Fault(.connectTimeout, side: .origin, detail: address.text)
        case .closed: throw Fault(.cancelled, side: .edge)
        }
        if let error = readiness.connectError() {
            reactor.close(readiness)
            throw Fault(.connectionRefused, side: .origin, detail: "\(address.text) \(error.text)")
        }
        guard target.isTLS else { return Connection(readiness, tls: nil) }
        do throws(Fault) {
            return Connection(readiness, tls: try await secure(readiness, target, deadline))
        } catch {
            reactor.close(readiness)
            throw error
        }
    }

    private func secure(
        _ readiness: Readiness,
        _ target: UpstreamTarget,
        _ deadline: MonotonicInstant
    ) async throws(Fault) -> TLSSession {
        let session: TLSSession
        do throws(TLSError) {
            let context: TLSContext
            if let client {
                context = client
            } else {
                context = try TLSContext.client(options: TLSClientOptions())
                client = context
            }
            session = try TLSSession(
                connecting: context,
                descriptor: readiness.descriptor,
                serverName: target.serverName ?? target.host,
                verifies: target.verifies,
                applicationProtocols: target.version == .http2 ? ["h2"] : nil
            )
        } catch {
            throw Fault(.tlsFailure(error.description), side: .edge, detail: error.description)
        }
        while true {
            let outcome: Readiness.Outcome
            switch session.handshake() {
            case .done:
                guard target.version != .http2 || session.applicationProtocol == "h2" else {
                    throw Fault(.tlsFailure("no HTTP/2"), side: .origin, detail: target.host)
                }
                return session
            case .wantRead: outcome = await readiness.readable(until: deadline)
            case .wantWrite: outcome = await readiness.writable(until: deadline)
            case .failed(let error):
                throw Fault(
                    .tlsFailure(error.description),
                    side: .origin,
                    detail: error.description
                )
            }
            if outcome == .timedOut { throw Fault(.connectTimeout, side: .origin) }
            if outcome == .closed { throw Fault(.cancelled, side: .edge) }
        }
    }
}
