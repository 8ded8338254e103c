import CLinux
import Glibc
package import Synchronization
package import TLS

/// Why a wire could not do what a test asked.
package enum WireError: Error, Sendable, Equatable {
    /// The peer refused or there is nobody; the number is `errno`.
    case refused(Int32)
    /// The peer ended its side.
    case closed
    /// The peer reset the connection, or its TLS ended without a farewell.
    case reset
    /// Nothing came within the wire's patience.
    case silent
    case handshake(String)
    /// What came is no HTTP/1 message.
    case malformed(String)
}

/// A blocking connection under a test's full control: what a test types is what goes out.
///
/// Knows nothing of the code under test but its TLS sessions.
package final class Wire {
    /// Unit: seconds that a read or a write may wait.
    package static let patience = 20
    /// How many wires of this process are open: what a count of descriptors must not blame on others.
    package static let living = Atomic<Int>(0)
    /// Negative once closed.
    package private(set) var descriptor: Int32
    private var tls: TLSSession?
    /// What was read and not yet taken.
    var buffer: ArraySlice<UInt8> = []

    /// Connects to a port of 127.0.0.1, from a given loopback address when one is named.
    package init(
        port: Int,
        tls context: TLSContext? = nil,
        serverName: String = "localhost",
        from source: String? = nil
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        Self.living.add(1, ordering: .relaxed)
        if let source {
            try Self.with(address: source, port: 0) { try Self.check(bind(descriptor, $0, 16)) }
        }
        try Self.with(address: "127.0.0.1", port: port) {
            try Self.check(connect(descriptor, $0, 16))
        }
        setPatience(Self.patience)
        if let context { try secure(with: context, serverName: serverName) }
    }

    /// Begins TLS as a client, after what was sent without.
    package func secure(with context: TLSContext, serverName: String = "localhost") throws {
        let session = try TLSSession(
            connecting: context,
            descriptor: descriptor,
            serverName: serverName,
            verifies: true
        )
        try greet(session)
    }

    /// Takes an accepted connection over, as a TLS server when a context is given.
    package init(accepted: Int32, tls context: TLSContext? = nil) throws {
        descriptor = accepted
        Self.living.add(1, ordering: .relaxed)
        setPatience(Self.patience)
        if let context { try greet(TLSSession(accepting: context, descriptor: accepted)) }
    }

    deinit { close() }

    private static func with<Result>(
        address: String,
        port: Int,
        _ body: (UnsafePointer<sockaddr>) throws -> Result
    ) throws -> Result {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        name.sin_addr.s_addr = inet_addr(address)
        return try withUnsafePointer(to: &name) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0) }
        }
    }

    private static func check(_ result: Int32) throws {
        if result != 0 { throw WireError.refused(errno) }
    }

    private func greet(_ session: TLSSession) throws {
        guard case .done = session.handshake() else { throw WireError.handshake("no TLS") }
        tls = session
    }

    /// Changes how long reads and writes may wait; unit: seconds.
    package func setPatience(_ seconds: Int) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }
}

// MARK: - Sending

extension Wire {
    /// Sends text as it is; false when the peer takes no more.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends bytes as they are; false when the peer takes no more.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                guard let tls else {
                    let flags = Int32(truncatingIfNeeded: Int(MSG_NOSIGNAL))
                    return Glibc.send(descriptor, rest.baseAddress, rest.count, flags)
                }
                if case .bytes(let count) = tls.write(rest) { return count }
                return -1
            }
            if count < 0, tls == nil, errno == EINTR { continue }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// Ends our side and keeps reading.
    package func finishSending() {
        tls?.shutdown()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Vanishes with a reset, as a crashed host or a killed tab does.
    package func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &linger,
            socklen_t(MemoryLayout<Glibc.linger>.size)
        )
        tls = nil
        end()
    }

    /// Says goodbye and closes.
    package func close() {
        guard descriptor >= 0 else { return }
        tls?.shutdown()
        end()
    }

    private func end() {
        guard descriptor >= 0 else { return }
        Glibc.close(descriptor)
        Self.living.subtract(1, ordering: .relaxed)
        descriptor = -1
        tls = nil
    }
}

// MARK: - Receiving

extension Wire {
    /// Reads more into the buffer.
    func fill() throws {
        guard descriptor >= 0 else { throw WireError.closed }
        var room = [UInt8](repeating: 0, count: 65536)
        let result = try room.withUnsafeMutableBytes { try receive(into: $0) }
        if buffer.isEmpty {
            buffer = room[..<result]
        } else {
            buffer += room[..<result]
        }
    }

    private func receive(into room: UnsafeMutableRawBufferPointer) throws -> Int {
        if let tls {
            switch tls.read(into: room) {
            case .bytes(let count): return count
            case .closed: throw WireError.closed
            case .wantRead, .wantWrite: throw WireError.silent
            case .failed: throw WireError.reset
            }
        }
        while true {
            let count = recv(descriptor, room.baseAddress, room.count, 0)
            if count > 0 { return count }
            if count == 0 { throw WireError.closed }
            switch errno {
            case EINTR: continue
            case EAGAIN: throw WireError.silent
            default: throw WireError.reset
            }
        }
    }

    /// Takes exactly this many bytes.
    package func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer = buffer.dropFirst(count) }
        return Array(buffer.prefix(count))
    }

    /// Reads this many bytes and forgets them.
    package func discard(_ count: Int) throws {
        var rest = count
        while rest > 0 {
            if buffer.isEmpty { try fill() }
            let taken = min(rest, buffer.count)
            buffer = buffer.dropFirst(taken)
            rest -= taken
        }
    }

    /// Takes bytes up to and with a line end, which is left out.
    package func takeLine() throws -> String {
        while true {
            if let feed = buffer.firstIndex(of: 10) {
                var line = buffer[..<feed]
                if line.last == 13 { line = line.dropLast() }
                buffer = buffer[(feed + 1)...]
                return String(decoding: line, as: UTF8.self)
            }
            try fill()
        }
    }

    /// Reads until the text ends with this, or the peer closes.
    package func read(until end: String) -> String {
        var all: [UInt8] = []
        let wanted = Array(end.utf8)
        while all.count < wanted.count || !all.suffix(wanted.count).elementsEqual(wanted) {
            guard let byte = try? take(1) else { break }
            all += byte
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// Reads to the peer's close.
    package func readAll() -> [UInt8] {
        while (try? fill()) != nil {}
        defer { buffer = [] }
        return Array(buffer)
    }

    /// Reads to the peer's close, as text.
    package func readText() -> String { String(decoding: readAll(), as: UTF8.self) }

    /// Reads the peer's close: `closed` or `reset`, or `silent` when it stays; bytes are forgotten.
    package func awaitEnd() -> WireError {
        while true {
            buffer = []
            do { try fill() } catch { return error as? WireError ?? .reset }
        }
    }
}
