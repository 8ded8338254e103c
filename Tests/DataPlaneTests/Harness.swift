import Glibc
import Reactor
import TLS

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
        limits: ConnectionLimits = ConnectionLimits()
    ) throws {
        listener = Listener(
            address: "127.0.0.1",
            port: 0,
            tls: tls,
            handler: handler,
            limits: limits,
            client: client
        )
        reactor.start()
        try listener.start(on: [reactor])
    }

    deinit { reactor.stop() }

    var port: Int { listener.port }
    var target: UpstreamTarget { UpstreamTarget(host: "127.0.0.1", port: port, isTLS: false) }
}

/// Why a wire could not be made.
struct Refused: Error {}

/// A blocking viewer: what a test types on the wire.
final class Wire {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
        }
        guard result == 0 else { throw Refused() }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor,
                    $0.baseAddress.map { $0 + sent },
                    bytes.count - sent,
                    Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL))
                )
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Reads until the text ends with this, or the peer closes.
    func read(until end: String) -> String {
        var all: [UInt8] = []
        let wanted = Array(end.utf8)
        while all.count < wanted.count || !all.suffix(wanted.count).elementsEqual(wanted) {
            var byte: UInt8 = 0
            guard recv(descriptor, &byte, 1, 0) == 1 else { break }
            all.append(byte)
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// Reads to the peer's close.
    func readAll() -> [UInt8] {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count <= 0 { return all }
            all += room[0..<count]
        }
    }

    func readText() -> String { String(decoding: readAll(), as: UTF8.self) }
}
