import Glibc
package import Reactor
import Synchronization
package import TLS
package import Telemetry

/// One address and port with the handler of what arrives there; every reactor has a socket of its own.
package final class Listener: Sendable {
    let handler: any ExchangeHandler
    let limits: ConnectionLimits
    let admission: Admission
    let proxies: ProxyTrust?
    let sink: (@Sendable (inout AccessRecord) -> Void)?
    /// The numeric address that is listened at.
    package let address: String
    private let tls: TLSContext?
    private let client: TLSContext?
    private struct State {
        var port: Int
        /// Listening sockets; they stay the same from `bind` to the end of `drain`.
        var sockets: [Int32] = []
        var parts: [(reactor: Reactor, part: ReactorLocal<ListenerPart>)] = []
    }
    private let state: Mutex<State>

    /// Makes a listener, which `start` binds.
    ///
    /// Port 0 takes a free one. `sink` gets each record at its end and may keep it by swapping it away. `client` is the TLS context towards origins for reactors that have no `ReactorContext` yet.
    /// Listeners of viewers share an admission; without one the limits are this listener's alone, and it may use
    /// the descriptors that are kept from viewers. Connections of `proxies` have to begin with a header of the PROXY protocol.
    package init(
        address: String,
        port: Int,
        tls: TLSContext?,
        handler: any ExchangeHandler,
        limits: ConnectionLimits = ConnectionLimits(),
        admission: Admission? = nil,
        proxies: ProxyTrust? = nil,
        client: TLSContext? = nil,
        sink: (@Sendable (inout AccessRecord) -> Void)? = nil
    ) {
        self.address = address
        self.tls = tls
        self.client = client
        self.handler = handler
        self.limits = limits
        self.admission = admission ?? Admission(limits: .withoutReserve)
        self.proxies = proxies
        self.sink = sink
        state = Mutex(State(port: port))
    }

    /// The port taken, once bound.
    package var port: Int { state.withLock { $0.port } }

    /// The listening sockets, to be handed to a process that takes over.
    package var sockets: [Int32] { state.withLock { $0.sockets } }

    /// Takes the port: viewers may connect from now on and wait until `start`.
    ///
    /// Sockets that another process listened with are used first, all of them: in each may be connections.
    /// - Throws: `SocketError` when the address is not numeric or not free.
    package func bind(_ count: Int, taking given: [Int32] = []) throws(SocketError) {
        guard let first = SocketAddress(numeric: address, port: port) else {
            throw SocketError("address \(address)", number: EINVAL)
        }
        if let taken = given.first, let port = Socket.boundPort(of: taken) {
            state.withLock { $0.port = port }
        }
        var sockets = given
        do throws(SocketError) {
            while sockets.count < count {
                var numeric = first
                numeric.port = port
                let socket = try Socket.listen(at: numeric)
                let taken = socket.localAddress.port
                state.withLock { $0.port = taken }
                sockets.append(socket.release())
            }
        } catch {
            for descriptor in sockets { close(descriptor) }
            throw error
        }
        state.withLock { $0.sockets = sockets }
    }

    /// Begins to accept, after `bind` if that has not been called: at least one socket per reactor.
    ///
    /// - Throws: `SocketError` when the address is not numeric or not free.
    package func start(on reactors: [Reactor]) throws(SocketError) {
        if sockets.isEmpty { try bind(reactors.count) }
        for (index, descriptor) in sockets.enumerated() {
            let reactor = reactors[index % reactors.count]
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
                await part.accept()
            }
        }
    }

    /// Stops accepting, closes idle connections, lets exchanges finish and then closes the rest.
    ///
    /// Idle connections are spared for a while, in which they may bring one more request each. Where another
    /// process has the sockets, too, what waits in them stays for it.
    package func drain(within limit: Duration, sparingIdle: Duration = .zero) async {
        let parts = state.withLock { $0.parts }
        let ends = parts.map { reactor, part in
            Task(executorPreference: reactor) {
                await part.value.drain(within: limit, sparingIdle: sparingIdle)
            }
        }
        for end in ends { await end.value }
        state.withLock { $0.sockets = [] }
    }
}
