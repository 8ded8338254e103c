import Foundation
import Glibc
import Synchronization

/// Something that one thread waits for and another lets happen.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func open() { semaphore.signal() }
    func wait() { semaphore.wait() }
}

/// Numbers that several threads collect.
final class Numbers: @unchecked Sendable {
    // SAFETY: `values` is used only under the condition's lock.
    private let condition = NSCondition()
    private var values: [Int] = []

    var all: [Int] {
        condition.lock()
        defer { condition.unlock() }
        return values
    }

    func append(_ number: Int) {
        condition.lock()
        values.append(number)
        condition.broadcast()
        condition.unlock()
    }

    /// Returns once there are so many.
    func wait(for count: Int) {
        condition.lock()
        while values.count < count { condition.wait() }
        condition.unlock()
    }
}

/// Runs blocking work where it holds up no task.
func onAThread<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result(catching: body)) }.start()
    }
}

/// A socket between a client and a server that can lose an answer: what the client sends arrives, what the
/// server says to it is dropped, and the connection ends.
final class BreakableLink: Sendable {
    /// Where a PostgreSQL client finds the socket.
    let folder: String
    private let listener: Int32
    private let target: String
    private let state = Mutex((isArmed: false, swallowed: 0))

    init(to target: String) throws {
        self.target = target
        var template = Array("/tmp/portico-link-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw CocoaError(.fileWriteUnknown) }
        folder = String(cString: made)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = Self.withAddress(folder + "/.s.PGSQL.5432") { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 16) == 0 else { throw CocoaError(.fileWriteUnknown) }
        Thread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread { self.carry(client) }.start()
            }
        }.start()
    }

    func swallowNextAnswer() { state.withLock { $0.isArmed = true } }

    var swallowed: Int { state.withLock { $0.swallowed } }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private func carry(_ client: Int32) {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            Glibc.close(client)
            Glibc.close(server)
        }
        guard Self.withAddress(target, { connect(server, $0, $1) }) == 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var asked = false
        while true {
            var entries = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 2, 30_000) > 0 else { return }
            if entries[0].revents != 0 {
                let count = read(client, &buffer, buffer.count)
                guard count > 0 else { return }
                asked = asked || state.withLock { $0.isArmed }
                guard send(server, buffer, count, Int32(MSG_NOSIGNAL)) == count else {
                    return
                }
            }
            if entries[1].revents != 0 {
                let count = read(server, &buffer, buffer.count)
                guard count > 0 else { return }
                if asked {
                    state.withLock { $0 = (false, $0.swallowed + 1) }
                    return
                }
                guard send(client, buffer, count, Int32(MSG_NOSIGNAL)) == count else {
                    return
                }
            }
        }
    }
}
