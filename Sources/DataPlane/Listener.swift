import Glibc
package import Reactor
import Synchronization
package import TLS
package import Telemetry

/// One address and port with the handler of what arrives there; every reactor has a socket of its own.
package final class Listener: Sendable {
    /// How long accepting pauses when the process has run out of descriptors.
    private static let exhaustionPause: Duration = .milliseconds(100)

    let handler: any ExchangeHandler
    let limits: ConnectionLimits
    let sink: (@Sendable (AccessRecord) -> Void)?
    private let address: String
    private let tls: TLSContext?
    private let client: TLSContext?
    private struct State {
        var port: Int
        var parts: [(reactor: Reactor, part: ReactorLocal<ListenerPart>)] = []
    }
    private let state: Mutex<State>

    /// Makes a listener, which `start` binds.
    ///
    /// Port 0 takes a free one. `client` is the TLS context towards origins for reactors that have no `ReactorContext` yet.
    package init(
        address: String,
        port: Int,
        tls: TLSContext?,
        handler: any ExchangeHandler,
        limits: ConnectionLimits = ConnectionLimits(),
        client: TLSContext? = nil,
        sink: (@Sendable (AccessRecord) -> Void)? = nil
    ) {
        self.address = address
        self.tls = tls
        self.client = client
        self.handler = handler
        self.limits = limits
        self.sink = sink
        state = Mutex(State(port: port))
    }

    /// The port taken, once started.
    package var port: Int { state.withLock { $0.port } }

    /// Binds one socket per reactor and begins to accept.
    ///
    /// - Throws: `SocketError` when the address is not numeric or not free.
    package func start(on reactors: [Reactor]) throws(SocketError) {
        var sockets: [Int32] = []
        do throws(SocketError) {
            for _ in reactors { sockets.append(try bind()) }
        } catch {
            for descriptor in sockets { close(descriptor) }
            throw error
        }
        for (reactor, descriptor) in zip(reactors, sockets) {
            Task(executorPreference: reactor) { [self] in
                let context = ReactorContext.make(reactor: reactor, client: client)
                let part = ListenerPart(
                    listener: self,
                    context: context,
                    socket: reactor.register(descriptor),
                    tls: tls
                )
                let local = ReactorLocal(part)
                state.withLock { $0.parts.append((reactor, local)) }
                await part.accept(pausing: Self.exhaustionPause)
            }
        }
    }

    private func bind() throws(SocketError) -> Int32 {
        guard let numeric = SocketAddress(numeric: address, port: port) else {
            throw SocketError("address \(address)", number: EINVAL)
        }
        let socket = try Socket.listen(at: numeric)
        let taken = socket.localAddress.port
        state.withLock { $0.port = taken }
        return socket.release()
    }

    /// Stops accepting, closes idle connections, lets exchanges finish and then closes the rest.
    package func drain(within limit: Duration) async {
        let parts = state.withLock { $0.parts }
        let ends = parts.map { reactor, part in
            Task(executorPreference: reactor) { await part.value.drain(within: limit) }
        }
        for end in ends { await end.value }
    }
}

/// What a listener has on one reactor.
///
/// Confined to that reactor.
final class ListenerPart {
    private let listener: Listener
    private let context: ReactorContext
    private let socket: Readiness
    private let tls: TLSContext?
    private let localPort: Int
    private var drivers: [H1Driver] = []
    private var isDraining = false
    private var whenEmpty: UnsafeContinuation<Void, Never>?

    init(listener: Listener, context: ReactorContext, socket: Readiness, tls: TLSContext?) {
        self.listener = listener
        self.context = context
        self.socket = socket
        self.tls = tls
        localPort = listener.port
    }

    func accept(pausing pause: Duration) async {
        while true {
            switch socket.accept() {
            case .connection(let descriptor, let peer): open(descriptor, peer)
            case .wouldBlock: guard await socket.readable() == .ready else { return }
            case .again: continue
            case .exhausted: await context.reactor.sleep(for: pause)
            case .failed: return
            }
        }
    }

    private func open(_ descriptor: Int32, _ peer: SocketAddress) {
        guard !isDraining, drivers.count < listener.limits.maximumConnections else {
            Glibc.close(descriptor)
            return
        }
        var session: TLSSession?
        if let tls {
            do throws(TLSError) {
                session = try TLSSession(accepting: tls, descriptor: descriptor)
            } catch {
                Glibc.close(descriptor)
                return
            }
        }
        let connection = Connection(context.reactor.register(descriptor), tls: session)
        let viewer = Viewer(
            address: peer.host,
            port: peer.port,
            isTLS: session != nil,
            localPort: localPort
        )
        let driver = H1Driver(
            listener: listener,
            context: context,
            connection: connection,
            viewer: viewer
        )
        driver.slot = drivers.count
        drivers.append(driver)
        let local = ReactorLocal((self, driver))
        driver.task = Task(executorPreference: context.reactor) {
            let (part, driver) = local.value
            await driver.serve()
            part.remove(driver)
        }
    }

    private func remove(_ driver: H1Driver) {
        let last = drivers.removeLast()
        if last !== driver {
            drivers[driver.slot] = last
            last.slot = driver.slot
        }
        if drivers.isEmpty { finishDrain() }
    }

    private func finishDrain() {
        whenEmpty?.resume()
        whenEmpty = nil
    }

    func drain(within limit: Duration) async {
        isDraining = true
        context.reactor.close(socket)
        for driver in drivers { driver.drain() }
        guard !drivers.isEmpty else { return }
        let timer = context.reactor.schedule(at: .now + limit) { [self] in
            for driver in drivers { driver.abort() }
        }
        await withUnsafeContinuation { whenEmpty = $0 }
        context.reactor.cancel(timer)
    }
}
