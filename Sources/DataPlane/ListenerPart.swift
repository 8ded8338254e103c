import Glibc
import HTTP
import Reactor
import TLS
import Telemetry

/// What a listener has on one reactor.
///
/// Confined to that reactor.
final class ListenerPart {
    private let listener: Listener
    private let context: ReactorContext
    private let socket: Readiness
    private let tls: TLSContext?
    private let localPort: Int
    /// The address that every viewer reaches; nil when the listener is bound to all of them.
    private let localAddress: String?
    private let admission: Admission
    /// The number from which on descriptors are kept for other uses.
    private let lastDescriptor: Int32
    private var drivers: [H1Driver] = []
    private var isDraining = false
    private var whenEmpty: UnsafeContinuation<Void, Never>?

    init(listener: Listener, context: ReactorContext, socket: Readiness, tls: TLSContext?) {
        self.listener = listener
        self.context = context
        self.socket = socket
        socket.isShared = true
        self.tls = tls
        localPort = listener.port
        let bound = Socket.localAddress(of: socket.descriptor).host
        localAddress = ["0.0.0.0", "::"].contains(bound) ? nil : bound
        admission = listener.admission
        lastDescriptor = Self.lastDescriptor(reserve: admission.limits.descriptorReserve)
    }

    /// The system gives the lowest free number, so a high one tells how few are left.
    private static func lastDescriptor(reserve: Int) -> Int32 {
        let most = Socket.descriptorLimit
        return Int32(clamping: most - min(reserve, most / 4))
    }

    // MARK: Accepting

    func accept() async {
        while true {
            switch socket.accept() {
            case .connection(let descriptor, let peer):
                open(descriptor, peer)
                if descriptor >= lastDescriptor { await pause() }
            case .wouldBlock: guard await socket.readable() == .ready else { return }
            case .again: continue
            case .exhausted: await pause()
            case .failed: return
            }
            if isDraining { return }
        }
    }

    /// Lets viewers wait in the system's queue until descriptors are free again.
    private func pause() async {
        admission.exhaustions.add()
        repeat {
            await context.reactor.sleep(for: admission.limits.exhaustionPause)
        } while !isDraining && (Socket.lowestFreeDescriptor ?? .max) >= lastDescriptor
    }

    private func open(_ descriptor: Int32, _ peer: SocketAddress) {
        guard !isDraining, drivers.count < listener.limits.maximumConnections, admission.enter()
        else {
            Glibc.close(descriptor)
            return
        }
        let isRelayed = listener.proxies?.covers(peer) ?? false
        let source = isRelayed ? nil : peer.source
        var session: TLSSession?
        do throws(TLSError) {
            if let tls { session = try TLSSession(accepting: tls, descriptor: descriptor) }
        } catch {
            return refuse(descriptor)
        }
        if let source, !admission.enter(source: source) { return refuse(descriptor) }
        let connection = Connection(context.reactor.register(descriptor), tls: session)
        let viewer = Viewer(
            address: peer.host,
            port: peer.port,
            isTLS: session != nil,
            localPort: localPort,
            localAddress: localAddress ?? Socket.localAddress(of: descriptor).host
        )
        let driver = H1Driver(
            listener: listener,
            context: context,
            connection: connection,
            viewer: viewer
        )
        driver.source = source
        serve(driver, isRelayed: isRelayed)
    }

    private func refuse(_ descriptor: Int32) {
        admission.leave()
        Glibc.close(descriptor)
    }

    private func serve(_ driver: H1Driver, isRelayed: Bool) {
        driver.slot = drivers.count
        drivers.append(driver)
        run(driver, from: isRelayed ? .greeting : .handshake)
    }

    /// Where serving a connection goes on.
    private enum Stage { case greeting, handshake, quiet }

    /// Serves a connection in a new task to its end, or until it has gone quiet; then another task follows.
    private func run(_ driver: H1Driver, from stage: Stage) {
        let local = ReactorLocal((self, driver))
        driver.task = Task(executorPreference: context.reactor) {
            let (part, driver) = local.value
            switch await part.serve(driver, from: stage) {
            case .quiet: part.run(driver, from: .quiet)
            case .ended: part.remove(driver)
            }
        }
    }

    private func serve(_ driver: H1Driver, from stage: Stage) async -> H1Driver.Pause {
        switch stage {
        case .quiet: return await driver.resume()
        case .handshake: return await driver.serve()
        case .greeting:
            if await greet(driver) { return await driver.serve() }
            driver.abort()
            return .ended
        }
    }

    /// Reads a trusted proxy's header and counts the connection among those of the viewer that it names.
    private func greet(_ driver: H1Driver) async -> Bool {
        let readiness = driver.connection.readiness
        let limit = listener.limits.proxyHeader
        guard let header = await ProxyGreeting.read(readiness, within: limit) else {
            admission.refusedProxyHeaders.add()
            return false
        }
        // Without an address the proxy speaks for itself, as in its health checks.
        guard let source = header.source?.socketAddress else { return true }
        guard admission.enter(source: source.source) else { return false }
        driver.source = source.source
        driver.relay(for: source)
        return true
    }

    private func remove(_ driver: H1Driver) {
        admission.leave()
        if let source = driver.source { admission.leave(source: source) }
        let last = drivers.removeLast()
        if last !== driver {
            drivers[driver.slot] = last
            last.slot = driver.slot
        }
        if drivers.isEmpty { finishDrain() }
    }

    // MARK: Draining

    private func finishDrain() {
        whenEmpty?.resume()
        whenEmpty = nil
    }

    func drain(within limit: Duration, sparingIdle: Duration) async {
        isDraining = true
        context.reactor.close(socket)
        let isSparing = sparingIdle > .zero
        for driver in drivers { driver.drain(sparingIdle: isSparing) }
        guard !drivers.isEmpty else { return }
        var timers = [
            context.reactor.schedule(at: .now + limit) { [self] in
                for driver in drivers { driver.abort() }
            }
        ]
        if isSparing {
            timers.append(
                context.reactor.schedule(at: .now + sparingIdle) { [self] in
                    for driver in drivers { driver.drain() }
                }
            )
        }
        await withUnsafeContinuation { whenEmpty = $0 }
        for timer in timers { context.reactor.cancel(timer) }
    }
}
