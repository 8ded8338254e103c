import CLinux
import Glibc

/// A process that one of our processes has forked off, with our ends of its channel and pipes.
///
/// Its parent is that other process, which keeps it as a zombie until it is told to forget it.
package struct ForkedProcess: Sendable {
    package let pid: Int32
    let channel: Int32
    let output: Int32
    let errors: Int32

    /// Closes our ends, for a process that nobody takes over.
    package func closeEnds() {
        for end in [channel, output, errors] { close(end) }
    }

    /// The place of `exit_code` among the fields after the name in `/proc/PID/stat` (proc(5): the 52nd of all).
    private static let exitCodeField = 49

    /// How a process has ended that its parent has not yet waited for, as `waitpid` would say; nil when it is
    /// gone.
    static func waitStatus(of pid: Int32) -> Int32? {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
            guard let end = text.lastIndex(of: ")") else { return nil }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > exitCodeField, fields[0] == "Z" else { return nil }
            return Int32(fields[exitCodeField].prefix { $0 != "\n" })
        }
    }
}

/// Both ends of the channel and the pipes of a process that is about to be forked off.
///
/// What is not handed on closes with it.
package final class ForkEnds {
    private var ends = Descriptors()

    /// Opens them.
    ///
    /// - Throws: `SpawnError` when there are no descriptors left.
    package init() throws(SpawnError) { try ends.open() }

    deinit { ends.closeAll() }

    /// What the process gets: its channel, its output, its errors.
    package var theirs: [Int32] { [ends.theirs, ends.outputWrite, ends.errorsWrite] }

    /// Our ends, for a process that is there.
    package func process(_ pid: Int32) -> ForkedProcess {
        ForkedProcess(
            pid: pid,
            channel: ends.take(\.ours),
            output: ends.take(\.outputRead),
            errors: ends.take(\.errorsRead)
        )
    }
}

/// What one of our processes has for itself of the machine.
package enum ProcessNetwork {
    /// A socket that listens on loopback inside of the network namespace of a process, which must be in a user
    /// namespace of its own.
    ///
    /// Takes some milliseconds, away from the reactor's thread.
    /// - Throws: `SocketError`.
    package static func listen(inside pid: Int32, port: UInt16) async throws(SocketError) -> Int32 {
        let (descriptor, number) = await Task.detached {
            let descriptor = portico_listen_inside(pid, port)
            return (descriptor, errno)
        }.value
        guard descriptor >= 0 else {
            throw SocketError("listening inside of process \(pid)", number: number)
        }
        return descriptor
    }
}

extension Readiness {
    /// Sends bytes with descriptors, of which the receiver gets copies; false when it has gone or takes nothing
    /// until the deadline.
    ///
    /// The descriptors come with the first byte.
    package func send(
        _ bytes: [UInt8],
        descriptors: [Int32],
        until deadline: MonotonicInstant
    ) async -> Bool {
        while isOpen {
            let sent = portico_send_descriptors(
                descriptor,
                bytes,
                bytes.count,
                descriptors,
                descriptors.count
            )
            if sent == bytes.count { return true }
            if sent > 0 {
                let rest = bytes.count - sent
                return await writeAll(bytes[sent...], [], until: deadline) == .bytes(rest)
            }
            if errno == EINTR { continue }
            guard errno == EAGAIN, await writable(until: deadline) == .ready else { return false }
        }
        return false
    }
}
