import Glibc

extension Readiness {
    /// How a transfer ended.
    package enum StreamOutcome: Sendable, Equatable { case bytes(Int), ended, timedOut }

    /// Reads what is there, waiting for the first byte.
    package func readSome(
        into buffer: UnsafeMutableRawBufferPointer,
        until deadline: ContinuousClock.Instant? = nil
    ) async -> StreamOutcome {
        while isOpen {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended }
            if errno == EINTR { continue }
            guard errno == EAGAIN else { return .ended }
            switch await readable(until: deadline) {
            case .ready: continue
            case .timedOut: return .timedOut
            case .closed: return .ended
            }
        }
        return .ended
    }

    /// Reads what is there without waiting, from sockets and pipes alike.
    package func readAvailable(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard isOpen else { return .failed(EBADF) }
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Writes two pieces in order with as few system calls as possible.
    package func writeAll(
        _ head: ArraySlice<UInt8>,
        _ tail: ArraySlice<UInt8>,
        until deadline: ContinuousClock.Instant? = nil
    ) async -> StreamOutcome {
        var sent = 0
        let total = head.count + tail.count
        while sent < total {
            guard isOpen else { return .ended }
            let count = sendPieces(head, tail, from: sent)
            if count >= 0 {
                sent += count
                continue
            }
            if errno == EINTR { continue }
            guard errno == EAGAIN else { return .ended }
            switch await writable(until: deadline) {
            case .ready: continue
            case .timedOut: return .timedOut
            case .closed: return .ended
            }
        }
        return .bytes(total)
    }

    private func sendPieces(
        _ head: ArraySlice<UInt8>,
        _ tail: ArraySlice<UInt8>,
        from sent: Int
    ) -> Int {
        let headLeft = head.dropFirst(sent)
        let tailLeft = tail.dropFirst(max(0, sent - head.count))
        return headLeft.withUnsafeBytes { first in
            tailLeft.withUnsafeBytes { second in
                var parts = [
                    iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress),
                        iov_len: first.count
                    ),
                    iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress),
                        iov_len: second.count
                    ),
                ]
                return parts.withUnsafeMutableBufferPointer { list in
                    var message = msghdr()
                    message.msg_iov = list.baseAddress
                    message.msg_iovlen = 2
                    return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }
}
