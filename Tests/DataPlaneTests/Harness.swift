import Glibc
import Reactor
import TLS
import Testkit

@testable import DataPlane
@testable import HTTP

/// A handler made of a closure.
struct Answering: ExchangeHandler {
    let body: @Sendable (inout Exchange) async -> Response

    init(_ body: @escaping @Sendable (inout Exchange) async -> Response) { self.body = body }

    func respond(to exchange: inout Exchange) async -> Response { await body(&exchange) }
}

/// A listener on a reactor of its own.
final class Server {
    let reactor = Reactor()
    let listener: Listener

    init(
        _ handler: any ExchangeHandler,
        tls: TLSContext? = nil,
        client: TLSContext? = nil,
        limits: ConnectionLimits = ConnectionLimits(),
        admission: Admission = Admission(),
        proxies: ProxyTrust? = nil
    ) throws {
        listener = Listener(
            address: "127.0.0.1",
            port: 0,
            tls: tls,
            handler: handler,
            limits: limits,
            admission: admission,
            proxies: proxies,
            client: client
        )
        reactor.start()
        try listener.start(on: [reactor])
    }

    deinit { reactor.stop() }

    var port: Int { listener.port }
    var target: UpstreamTarget { UpstreamTarget(host: "127.0.0.1", port: port, isTLS: false) }
}

/// Looks every few milliseconds whether something has become so, for a minute at most.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<6000 {
        if condition() { return true }
        poll(nil, 0, 10)
    }
    return condition()
}
