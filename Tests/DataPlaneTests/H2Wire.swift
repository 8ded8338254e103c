import Glibc

@testable import HTTP

/// A blocking viewer that speaks HTTP/2, well or badly.
final class H2Wire {
    let session: H2Session
    private let descriptor: Int32
    private(set) var events: [H2Event] = []
    /// Whether the server has closed the connection.
    private(set) var isOver = false

    init(port: Int, limits: H2Limits = H2Limits()) throws {
        session = try H2Session(.client, limits: limits)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
        }
        guard result == 0 else { throw H2Error("not accepted") }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    }

    deinit { close(descriptor) }

    /// Sends what the session wants to send.
    func flush() {
        var outgoing = IOBuffer()
        session.send(into: &outgoing, limit: .max)
        write(Array(outgoing.bytes))
    }

    /// Sends bytes past the session.
    func write(_ bytes: [UInt8]) {
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

    /// Sends one frame past the session.
    func frame(_ type: UInt8, flags: UInt8 = 0, stream: Int32 = 0, _ payload: [UInt8] = []) {
        let count = payload.count
        var bytes = [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags]
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(stream >> Int32(shift) & 255)) }
        write(bytes + payload)
    }

    func get(
        _ path: String,
        method: String = "GET",
        fields: Headers = [:],
        content: H2Content = .none,
        length: Int? = nil,
        isTunnel: Bool = false
    ) throws -> Int32 {
        var headers: Headers = ["host": "a"]
        for (name, value) in fields { headers.append(name, value) }
        let head = RequestHead(method: method, path: path, version: .http2, headers: headers)
        return try session.request(
            head,
            scheme: "http",
            length: length,
            content: content,
            isTunnel: isTunnel
        )
    }

    /// Exchanges bytes until an event is there or the server closes; tells which.
    @discardableResult
    func wait(consuming: Bool = true, for wanted: (H2Event) -> Bool) -> Bool {
        var seen = 0
        while true {
            for event in events.dropFirst(seen) where wanted(event) { return true }
            seen = events.count
            guard !isOver else { return false }
            flush()
            receive(consuming: consuming)
        }
    }

    private func receive(consuming: Bool) {
        var room = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &room, room.count, 0)
        guard count > 0 else {
            isOver = true
            return
        }
        do {
            try room[0..<count].withUnsafeBytes { try session.receive($0) }
        } catch {
            isOver = true
        }
        session.takeEvents { event in
            events.append(event)
            if consuming, case .data(let stream, let bytes) = event {
                session.consume(bytes.count, of: stream)
            }
        }
        flush()
    }

    /// Waits for the end of a stream and gives its answer.
    func answer(_ stream: Int32) -> (status: Int, headers: Headers, content: String) {
        wait { if case .closed(stream, _, _) = $0 { true } else { false } }
        var (status, headers) = (0, Headers())
        for case .response(stream, let head, _) in events where head.status >= 200 {
            (status, headers) = (head.status, head.headers)
        }
        return (status, headers, content(stream))
    }

    func content(_ stream: Int32) -> String {
        var all: [UInt8] = []
        for case .data(stream, let bytes) in events { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    func closeCode(_ stream: Int32) -> H2ErrorCode? {
        wait { if case .closed(stream, _, _) = $0 { true } else { false } }
        for case .closed(stream, let code, _) in events { return code }
        return nil
    }

    /// Waits for GOAWAY and gives its code.
    func goaway() -> H2ErrorCode? {
        wait { if case .goaway = $0 { true } else { false } }
        for case .goaway(_, let code) in events { return code }
        return nil
    }

    /// Reads frames past the session to GOAWAY and gives its code.
    func rawGoaway() -> H2ErrorCode? { rawFrame(7).map { H2ErrorCode(rawValue: UInt32($0[7])) } }

    /// Reads frames past the session to RST_STREAM and gives its code.
    func rawReset() -> H2ErrorCode? { rawFrame(3).map { H2ErrorCode(rawValue: UInt32($0[3])) } }

    /// Reads frames past the session to the first of a type and gives its payload.
    private func rawFrame(_ type: UInt8) -> [UInt8]? {
        var all: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while true {
            while all.count >= 9 {
                let size = Int(all[0]) << 16 | Int(all[1]) << 8 | Int(all[2])
                guard all.count >= 9 + size else { break }
                if all[3] == type { return Array(all[9..<9 + size]) }
                all.removeFirst(9 + size)
            }
            let count = recv(descriptor, &room, room.count, 0)
            guard count > 0 else { return nil }
            all += room[0..<count]
        }
    }

    /// Waits for the server to close.
    func waitForClose() -> Bool { !wait { _ in false } }
}
