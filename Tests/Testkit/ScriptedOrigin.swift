import CLinux
import Glibc
import Synchronization
package import TLS

/// An origin that does, on a thread of its own, exactly what a list of steps says.
///
/// It may answer, stall, reset, send garbage or close wherever the script wants it.
package final class ScriptedOrigin: Sendable {
    private struct State {
        var failures: [String] = []
        var connections = 0
        var requests = 0
        var isDone = false
    }

    private let listener: Int32
    private let tls: TLSContext?
    private let state = Mutex(State())
    package let port: Int

    /// Listens on a free port of 127.0.0.1; `run` starts the script.
    package init(tls: TLSContext? = nil) throws {
        signal(SIGPIPE, SIG_IGN)
        self.tls = tls
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let result = withUnsafeMutablePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) | listen(descriptor, 128)
                    | getsockname(descriptor, $0, &size)
            }
        }
        guard result == 0 else { throw WireError.refused(errno) }
        port = Int(UInt16(bigEndian: name.sin_port))
    }

    deinit { Glibc.close(listener) }

    /// How many connections were accepted.
    package var connections: Int { state.withLock(\.connections) }
    /// How many requests were read.
    package var requests: Int { state.withLock(\.requests) }

    /// Starts the script; each step comes with what a failure report calls it.
    package func run(_ steps: [(label: String, step: OriginStep)]) {
        let box = Unmanaged.passRetained(Start(self, steps))
        var thread = pthread_t()
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                OriginScript(start.origin).run(start.steps)
                return nil
            },
            box.toOpaque()
        )
        pthread_detach(thread)
    }

    /// Ends the origin and gives what went otherwise than the script says.
    package func finish() -> [String] {
        for _ in 0..<1000 where !state.withLock(\.isDone) { poll(nil, 0, 10) }
        shutdown(listener, Int32(SHUT_RDWR))
        return state.withLock { $0.isDone ? $0.failures : $0.failures + ["the script goes on"] }
    }

    fileprivate func note(connection: Bool = false, request: Bool = false) {
        state.withLock {
            $0.connections += connection ? 1 : 0
            $0.requests += request ? 1 : 0
        }
    }

    fileprivate func fail(_ text: String) { state.withLock { $0.failures.append(text) } }
    fileprivate func end() { state.withLock { $0.isDone = true } }
    fileprivate func accept() throws -> Wire {
        // Closed in children of this process, or a worker would keep the connection open.
        let descriptor = portico_accept(listener, nil, nil)
        guard descriptor >= 0 else { throw WireError.closed }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        note(connection: true)
        return try Wire(accepted: descriptor, tls: tls)
    }
    fileprivate var waiting: Int32 { listener }

    private final class Start {
        let origin: ScriptedOrigin
        let steps: [(label: String, step: OriginStep)]

        init(_ origin: ScriptedOrigin, _ steps: [(label: String, step: OriginStep)]) {
            self.origin = origin
            self.steps = steps
        }
    }
}

/// The script's progress, on the origin's thread.
private final class OriginScript {
    private let origin: ScriptedOrigin
    private var open: [Wire] = []
    private var current: Wire?
    private var request = WireMessage(startLine: "")

    init(_ origin: ScriptedOrigin) { self.origin = origin }

    func run(_ steps: [(label: String, step: OriginStep)]) {
        for (label, step) in steps {
            do {
                if let trouble = try perform(step) {
                    origin.fail("\(label): \(trouble)")
                    break
                }
            } catch {
                origin.fail("\(label): \(error)")
                break
            }
        }
        origin.end()
        // Later connections would wait for ever: whoever comes now finds a closed door.
        while let wire = try? origin.accept() { wire.close() }
    }

    private func perform(_ step: OriginStep) throws -> String? {
        switch step {
        case .expect(let pattern):
            try awaitHead()
            try wire.readBody(of: &request, endsWithConnection: false)
            return pattern.mismatch(request, checksBody: true)
        case .expectHead(let pattern):
            try awaitHead()
            return pattern.mismatch(request, checksBody: false)
        case .body(let bytes):
            try wire.readBody(of: &request, endsWithConnection: false)
            if !request.isComplete { return "the body was cut short" }
            return request.body == bytes ? nil : "got a body of \(request.body.count) bytes"
        case .lacks(let name):
            return request[name].map { "unexpected \(name): \($0)" }
        case .trailer(let name, let value):
            return difference(of: request.trailers, from: [(name, value)])
        case .answer(let status, let body, let fields):
            answer(status, body, fields)
        case .send(let bytes): try wire.send(bytes)
        case .read(let bytes):
            let got = try wire.take(bytes.count)
            return got == bytes ? nil : "got \(String(decoding: got, as: UTF8.self))"
        case .flood(let count): try flood(count)
        case .reset: try drop { $0.reset() }
        case .close: try drop { $0.close() }
        case .finishSending: try wire.finishSending()
        case .awaitClose:
            if try wire.awaitEnd() == .silent { return "the connection stays open" }
            try drop { $0.close() }
        }
        return nil
    }

    private var wire: Wire {
        get throws {
            guard let current else { throw WireError.closed }
            return current
        }
    }

    private func drop(_ end: (Wire) -> Void) throws {
        let wire = try wire
        end(wire)
        open.removeAll { $0 === wire }
        current = nil
    }

    /// Waits until some connection, old or new, has brought a head.
    private func awaitHead() throws {
        while true {
            let buffered = open.first { !$0.buffer.isEmpty }
            if let ready = try buffered ?? nextReady() {
                do {
                    request = try ready.readHead()
                } catch WireError.closed, WireError.reset {
                    ready.close()
                    open.removeAll { $0 === ready }
                    continue
                }
                current = ready
                origin.note(request: true)
                return
            }
        }
    }

    private func nextReady() throws -> Wire? {
        var watched = open.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        watched.append(pollfd(fd: origin.waiting, events: Int16(POLLIN), revents: 0))
        // The next request may be far down the test; `finish` wakes who waits for it in vain.
        guard poll(&watched, nfds_t(watched.count), 300_000) > 0 else {
            throw WireError.silent
        }
        for (wire, entry) in zip(open, watched) where entry.revents != 0 { return wire }
        open.append(try origin.accept())
        return nil
    }

    private func answer(_ status: Int, _ body: [UInt8], _ fields: [(name: String, value: String)]) {
        var head = "HTTP/1.1 \(status) Scripted\r\n"
        for (name, value) in fields { head += "\(name): \(value)\r\n" }
        let names = fields.map { $0.name.lowercased() }
        let hasLength = names.contains("content-length") || names.contains("transfer-encoding")
        if !hasLength, status >= 200, status != 204, status != 304 {
            head += "Content-Length: \(body.count)\r\n"
        }
        current?.send(Array((head + "\r\n").utf8) + body)
    }

    private func flood(_ count: Int) throws {
        let piece = [UInt8](repeating: 0x78, count: 65536)
        var rest = count
        let wire = try wire
        while rest > 0, wire.send(Array(piece.prefix(rest))) { rest -= min(rest, piece.count) }
    }
}
