import Glibc

extension Readiness {
    /// How a transfer ended.
    package enum StreamOutcome: Sendable, Equatable { case bytes(Int), ended, timedOut }

    /// Reads what is there, waiting for the first byte.
    ///
    /// Makes no system call while the descriptor is known to be empty.
    package func readSome(
        into buffer: UnsafeMutableRawBufferPointer,
        until deadline: MonotonicInstant = .never
    ) async -> StreamOutcome {
        while true {
            switch readAvailable(into: buffer) {
            case .bytes(let count): return .bytes(count)
            case .end, .failed: return .ended
            case .wouldBlock:
                switch await readable(until: deadline) {
                case .ready: continue
                case .timedOut: return .timedOut
                case .closed: return .ended
                }
            }
        }
    }

    /// Reads what is there without waiting, from sockets and pipes alike.
    ///
    /// Makes no system call while the descriptor is known to be empty.
    package func readAvailable(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        isDrained ? .wouldBlock : readNow(into: buffer)
    }

    /// As `readAvailable`, and asks the system even when no event has announced anything.
    package func readNow(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard isOpen else { return .failed(EBADF) }
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
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

    /// Writes two pieces in order with as few system calls as possible.
    package func writeAll(
        _ head: ArraySlice<UInt8>,
        _ tail: ArraySlice<UInt8>,
        until deadline: MonotonicInstant = .never
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
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                    parts[0].iov_base = UnsafeMutableRawPointer(mutating: first.baseAddress)
                    parts[0].iov_len = first.count
                    parts[1].iov_base = UnsafeMutableRawPointer(mutating: second.baseAddress)
                    parts[1].iov_len = second.count
                    var message = msghdr()
                    message.msg_iov = parts.baseAddress
                    message.msg_iovlen = second.isEmpty ? 1 : 2
                    return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }
}
