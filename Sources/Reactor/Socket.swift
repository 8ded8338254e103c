import CLinux
import Glibc

/// Why a socket call failed.
package struct SocketError: Error, Sendable, Equatable {
    /// The call that failed.
    package let call: String
    /// The system's number for the reason.
    package let number: Int32

    /// Makes an error from the current `errno`.
    package init(_ call: String, number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    /// What a human should read.
    package var text: String { "\(call): " + String(cString: strerror(number)) }
}

/// A TCP socket that closes its descriptor unless it is handed on.
package struct Socket: ~Copyable {
    /// How many connections may wait to be accepted.
    package static let backlog: Int32 = 4096

    /// The open descriptor.
    package let descriptor: Int32

    /// Adopts a descriptor.
    package init(adopting descriptor: Int32) { self.descriptor = descriptor }

    deinit { Glibc.close(descriptor) }

    /// Gives the descriptor away; whoever takes it closes it.
    package consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    /// Opens a non-blocking TCP socket.
    package static func open(_ family: Int32) throws(SocketError) -> Socket {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw SocketError("socket") }
        return Socket(adopting: descriptor)
    }

    /// Opens a listening socket that shares its port with other reactors' sockets.
    package static func listen(at address: SocketAddress) throws(SocketError) -> Socket {
        let socket = try open(address.family)
        socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
        socket.set(SOL_SOCKET, SO_REUSEPORT, 1)
        if address.family == AF_INET6 { socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        let bound = address.withPointer { Glibc.bind(socket.descriptor, $0, $1) }
        guard bound == 0 else { throw SocketError("bind \(address.text)") }
        guard Glibc.listen(socket.descriptor, backlog) == 0 else { throw SocketError("listen") }
        return socket
    }

    /// Fails when any process listens at the address: listening sockets share their port, so that two
    /// programs would not notice each other.
    package static func probe(_ address: SocketAddress) throws(SocketError) {
        let socket = try open(address.family)
        socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
        if address.family == AF_INET6 { socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        let bound = address.withPointer { Glibc.bind(socket.descriptor, $0, $1) }
        guard bound == 0 else { throw SocketError("bind \(address.text)") }
    }

    /// Begins to connect; the socket becomes writable when that has succeeded or failed.
    package static func connect(to address: SocketAddress) throws(SocketError) -> Socket {
        let socket = try open(address.family)
        Self.tune(socket.descriptor, peer: address)
        let result = address.withPointer { Glibc.connect(socket.descriptor, $0, $1) }
        guard result == 0 || errno == EINPROGRESS else { throw SocketError("connect") }
        return socket
    }

    /// Sends small segments at once; where the peer is on this machine, no path is probed for its capacity.
    fileprivate static func tune(_ descriptor: Int32, peer: SocketAddress) {
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        guard peer.isLoopback else { return }
        let name = "reno"
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, name, socklen_t(name.utf8.count))
    }

    /// The address that the socket is bound to.
    package var localAddress: SocketAddress { Self.localAddress(of: descriptor) }

    /// The address that a descriptor is bound to: of a connection, the one that the peer reached.
    package static func localAddress(of descriptor: Int32) -> SocketAddress {
        SocketAddress { getsockname(descriptor, $0, $1) == 0 } ?? SocketAddress.none
    }

    /// The port that a descriptor is bound to; nil when it is no socket of the internet.
    package static func boundPort(of descriptor: Int32) -> Int? {
        let address = localAddress(of: descriptor)
        guard [AF_INET, AF_INET6].contains(address.family) else { return nil }
        return address.port
    }

    /// How many descriptors this process may have open.
    package static var descriptorLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 1024
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// The number that the next descriptor would get; nil when there is none.
    package static var lowestFreeDescriptor: Int32? {
        let free = eventfd(0, Int32(EFD_CLOEXEC))
        guard free >= 0 else { return nil }
        Glibc.close(free)
        return free
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

extension Readiness {
    /// What accepting gave.
    package enum Accepted {
        case connection(descriptor: Int32, peer: SocketAddress)
        /// Nothing waits: wait until readable.
        case wouldBlock
        /// The peer has given up already: try again.
        case again
        /// Out of descriptors or memory: back off.
        case exhausted
        case failed
    }

    /// Takes one waiting connection, non-blocking, with small segments sent at once.
    package func accept() -> Accepted {
        guard isOpen else { return .failed }
        var accepted: Int32 = -1
        let peer = SocketAddress { address, length in
            accepted = portico_accept(descriptor, address, length)
            return accepted >= 0
        }
        if let peer {
            Socket.tune(accepted, peer: peer)
            return .connection(descriptor: accepted, peer: peer)
        }
        switch errno {
        case EAGAIN: return .wouldBlock
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
        case EBADF, EINVAL, ENOTSOCK: return .failed
        default: return .again
        }
    }

    /// The error that a finished connection attempt left, or nil when it succeeded.
    package func connectError() -> SocketError? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &value, &length) == 0 else {
            return SocketError("getsockopt")
        }
        return value == 0 ? nil : SocketError("connect", number: value)
    }

    /// What a read or write did.
    package enum Transfer: Sendable, Equatable {
        case bytes(Int)
        case wouldBlock
        case end
        case failed(Int32)
    }

    /// Reads what is there; makes no system call while the socket is known to be empty.
    @inline(__always)
    package func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard isOpen else { return .failed(EBADF) }
        if isDrained { return .wouldBlock }
        while true {
            let count = portico_recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 {
                noteRead(tookAll: count < buffer.count)
                return .bytes(count)
            }
            if count == 0 { return .end }
            if errno == EAGAIN {
                noteRead(tookAll: true)
                return .wouldBlock
            }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Looks at what has arrived, from its beginning, and leaves it there.
    ///
    /// More may be awaited with `readable`: what arrives later is announced, although nothing was taken.
    package func peek(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard isOpen else { return .failed(EBADF) }
        while true {
            let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
            let count = recv(descriptor, buffer.baseAddress, buffer.count, flags)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Takes away as many bytes as have been seen by `peek`; false when the socket has failed.
    package func discard(_ count: Int) -> Bool {
        guard isOpen else { return false }
        noteRead(tookAll: false)
        return withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { room in
            var left = count
            while left > 0 {
                let taken = recv(descriptor, room.baseAddress, left, 0)
                if taken > 0 {
                    left -= taken
                } else if taken == 0 || errno != EINTR {
                    return false
                }
            }
            return true
        }
    }

    /// Writes what the socket takes.
    package func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard isOpen else { return .failed(EBADF) }
        while true {
            let count = portico_send(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return .bytes(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Whether bytes or an end wait to be read; takes nothing.
    package var hasPendingInput: Bool {
        guard isOpen else { return true }
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        let count = recv(descriptor, &byte, 1, flags)
        let isPending = count >= 0 || errno != EAGAIN
        noteRead(tookAll: !isPending)
        return isPending
    }

    /// Shuts the sending side.
    package func shutSending() {
        if isOpen { shutdown(descriptor, Int32(SHUT_WR)) }
    }
}
