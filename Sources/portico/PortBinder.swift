import DataPlane
import Foundation
import Reactor

/// Binds listeners and says in words what stands in the way.
struct PortBinder: Sendable {
    let reactors: [Reactor]
    /// What a node that is taken over has listened with.
    var inherited = InheritedSockets.none

    /// Binds a listener and has it accept; false when an address that nobody asked for is not on this machine.
    ///
    /// - Throws: `CommandFailure` that names the flag to change.
    func start(
        _ listener: DataPlane.Listener,
        at address: String,
        _ port: Int,
        _ flag: String,
        on reactors: [Reactor]? = nil
    ) throws -> Bool {
        let reactors = reactors ?? self.reactors
        guard try bind(listener, port, flag, sockets: reactors.count) else { return false }
        try listener.start(on: reactors)
        return true
    }

    /// Binds a listener, whose viewers wait until it is started; false as with `start`.
    ///
    /// - Throws: `CommandFailure` that names the flag to change.
    func bind(
        _ listener: DataPlane.Listener,
        _ port: Int,
        _ flag: String,
        sockets: Int? = nil,
        taking given: [Int32] = []
    ) throws -> Bool {
        let address = listener.address
        guard let numeric = SocketAddress(numeric: address, port: port) else {
            throw CommandFailure("'\(address)' is no address: --bind takes one such as 127.0.0.1")
        }
        do {
            if given.isEmpty { try Socket.probe(numeric) }
            try listener.bind(sockets ?? reactors.count, taking: given)
            return true
        } catch {
            let isAbsent = error.number == EADDRNOTAVAIL || error.number == EAFNOSUPPORT
            if isAbsent, address == "::1" { return false }
            let reason = String(cString: strerror(error.number))
            if error.number == EADDRINUSE || error.number == EACCES {
                throw CommandFailure(
                    "port \(port) at \(address): \(reason); choose another with \(flag)"
                )
            }
            throw CommandFailure("\(address) port \(port): \(reason)")
        }
    }

    /// Binds an API port, on loopback only.
    func startAPI(
        _ handler: any ExchangeHandler,
        port: Int
    ) throws -> [DataPlane.Listener] {
        var port = port
        var started: [DataPlane.Listener] = []
        for address in ["127.0.0.1", "::1"] {
            let given = inherited.take(.api, at: address, port: port)
            let api = DataPlane.Listener(address: address, port: port, tls: nil, handler: handler)
            guard try bind(api, port, "--api-port", sockets: 1, taking: given) else { continue }
            try api.start(on: Array(reactors.prefix(1)))
            port = api.port
            started.append(api)
        }
        return started
    }
}
