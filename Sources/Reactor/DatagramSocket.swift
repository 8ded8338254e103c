import CLinux
import Glibc

/// A UDP socket that never waits, for messages that may be lost.
///
/// It may be used on any thread.
package final class DatagramSocket: Sendable {
    /// The largest message.
    ///
    /// Unit: bytes. Source: RFC 768: 65,535 with its head and that of IP.
    package static let maximumMessage = 65_507

    private let descriptor: Int32

    /// The port it is bound to; 0 when the system chose none yet.
    package let port: Int

    private init(descriptor: Int32, port: Int) {
        self.descriptor = descriptor
        self.port = port
    }

    deinit { close(descriptor) }

    private static func open(_ family: Int32) throws(SocketError) -> Int32 {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw SocketError("socket") }
        return descriptor
    }

    /// A socket that sends to one address.
    package static func connected(
        to address: SocketAddress
    ) throws(SocketError) -> DatagramSocket {
        let descriptor = try open(address.family)
        guard address.withPointer({ connect(descriptor, $0, $1) }) == 0 else {
            let error = SocketError("connect \(address.text)")
            close(descriptor)
            throw error
        }
        return DatagramSocket(descriptor: descriptor, port: 0)
    }

    /// A socket that receives at an address; port 0 takes a free one.
    package static func bound(to address: SocketAddress) throws(SocketError) -> DatagramSocket {
        let descriptor = try open(address.family)
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let error = SocketError("bind \(address.text)")
            close(descriptor)
            throw error
        }
        return DatagramSocket(descriptor: descriptor, port: Socket.boundPort(of: descriptor) ?? 0)
    }

    /// Sends a message; false when there is no room or nobody took an earlier one.
    package func send(_ message: [UInt8]) -> Bool {
        Glibc.send(descriptor, message, message.count, Int32(MSG_NOSIGNAL))
            == message.count
    }

    /// Hands each message over as it comes, until the task is cancelled.
    ///
    /// Call on the reactor.
    package func receive(on reactor: Reactor, _ take: ([UInt8]) -> Void) async {
        let copy = dup(descriptor)
        guard copy >= 0 else { return }
        let readiness = reactor.register(copy)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.maximumMessage,
            alignment: 8
        )
        defer {
            buffer.deallocate()
            reactor.close(readiness)
        }
        while !Task.isCancelled, readiness.isOpen {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count >= 0 {
                take(Array(buffer[..<count]))
            } else if errno == EAGAIN {
                guard await readiness.readable() == .ready else { return }
            } else if errno != EINTR {
                return
            }
        }
    }
}
