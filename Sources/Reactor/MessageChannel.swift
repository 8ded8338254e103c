import CLinux
import Glibc

/// A connection between two processes of one machine that keeps messages apart and carries descriptors.
///
/// Confined to its reactor.
package final class MessageChannel {
    /// The longest message.
    ///
    /// Unit: bytes.
    package static let maximumMessage = 131_072

    /// A message, with the descriptor that came along, which is now the receiver's to close.
    package struct Message {
        package var bytes: [UInt8]
        package var descriptor: Int32?

        /// The bytes as text.
        package var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let readiness: Readiness

    /// Adopts a connected socket on the current reactor.
    package init(_ descriptor: Int32, on reactor: Reactor) {
        readiness = reactor.register(descriptor)
    }

    deinit { close() }

    /// Ends the connection.
    package func close() { readiness.reactor.close(readiness) }

    /// Whether the other process belongs to the user of this one.
    package var isOfOwnUser: Bool {
        portico_peer_user(readiness.descriptor) == Int(geteuid())
    }

    /// Sends one message; false when the other side has gone or takes nothing until the deadline.
    package func send(
        _ bytes: [UInt8],
        descriptor: Int32? = nil,
        until deadline: MonotonicInstant
    ) async -> Bool {
        while readiness.isOpen {
            let sent = portico_send_descriptor(
                readiness.descriptor,
                bytes,
                bytes.count,
                descriptor ?? -1
            )
            if sent == bytes.count { return true }
            if sent < 0, errno == EINTR { continue }
            guard sent < 0, errno == EAGAIN else { return false }
            guard await readiness.writable(until: deadline) == .ready else { return false }
        }
        return false
    }

    /// The next message; nil when the other side has gone or says nothing until the deadline.
    package func receive(until deadline: MonotonicInstant) async -> Message? {
        while readiness.isOpen {
            var room = [UInt8](repeating: 0, count: Self.maximumMessage)
            var descriptor: Int32 = -1
            let count = portico_receive_descriptor(
                readiness.descriptor,
                &room,
                room.count,
                &descriptor
            )
            if count > 0 {
                room.removeLast(room.count - count)
                return Message(bytes: room, descriptor: descriptor < 0 ? nil : descriptor)
            }
            if count < 0, errno == EINTR { continue }
            guard count < 0, errno == EAGAIN else { return nil }
            guard await readiness.readable(until: deadline) == .ready else { return nil }
        }
        return nil
    }

    // MARK: Names

    /// Listens under a name in a folder; who may not use the folder cannot connect.
    ///
    /// - Throws: `SocketError`.
    package static func listen(in folder: String, as name: String) throws(SocketError) -> Int32 {
        try open(in: folder, name) { socket, address, path, length in
            guard bind(socket, address, length) == 0 else { return "bind" }
            // Nobody can connect before it listens, and then it is its owner's alone.
            guard chmod(path, 0o600) == 0 else { return "chmod" }
            return Glibc.listen(socket, 8) == 0 ? nil : "listen"
        }
    }

    /// Connects to what listens under a name in a folder.
    ///
    /// - Throws: `SocketError`, `ENOENT` or `ECONNREFUSED` when nobody does.
    package static func connect(to name: String, in folder: String) throws(SocketError) -> Int32 {
        try open(in: folder, name) { socket, address, _, length in
            Glibc.connect(socket, address, length) == 0 ? nil : "connect"
        }
    }

    private static func open(
        in folder: String,
        _ name: String,
        _ use: (Int32, UnsafePointer<sockaddr>, String, socklen_t) -> String?
    ) throws(SocketError) -> Int32 {
        // A name in the file system has 107 bytes at most here; folders may be deeper than that.
        let place = Glibc.open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC)
        guard place >= 0 else { throw SocketError("open \(folder)") }
        defer { Glibc.close(place) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = "/proc/self/fd/\(place)/\(name)"
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SocketError(name, number: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let kind = SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let socket = Glibc.socket(AF_UNIX, Int32(kind), 0)
        guard socket >= 0 else { throw SocketError("socket") }
        let failed = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(socket, $0, path, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard let failed else { return socket }
        let number = errno
        Glibc.close(socket)
        throw SocketError(failed, number: number)
    }
}
