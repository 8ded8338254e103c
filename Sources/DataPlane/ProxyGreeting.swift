import HTTP
package import Reactor

/// Whose connections begin with a header of the PROXY protocol.
///
/// Whether there is one is never guessed: connections from these sources have to begin with a header, and what
/// others send is never read as one.
package struct ProxyTrust: Sendable, Equatable {
    package var sources: [AddressRange]

    /// Makes the list of trusted sources.
    package init(sources: [AddressRange]) { self.sources = sources }

    /// Whether a connection from this address has to begin with a header.
    package func covers(_ address: SocketAddress) -> Bool {
        sources.contains { $0.contains(address) }
    }
}

/// Reads the header of the PROXY protocol off a connection and nothing beyond it, as TLS reads the socket itself.
enum ProxyGreeting {
    /// Waits for the whole header; nil when it is invalid, the peer has gone or time is over.
    static func read(_ readiness: Readiness, within limit: Duration) async -> ProxyHeader? {
        let deadline = readiness.deadline(limit)
        while true {
            var seen = [UInt8](repeating: 0, count: ProxyHeader.maximumHeader)
            let peeked = seen.withUnsafeMutableBytes { readiness.peek(into: $0) }
            switch peeked {
            case .bytes(let count):
                seen.removeLast(seen.count - count)
                do throws(ProxyHeader.Failure) {
                    if let header = try ProxyHeader.parse(seen) {
                        return readiness.discard(header.length) ? header : nil
                    }
                } catch {
                    return nil
                }
                // An end that has been announced is followed by no further event.
                if readiness.isHalfClosed { return nil }
            case .wouldBlock: break
            case .end, .failed: return nil
            }
            guard await readiness.readable(until: deadline) == .ready else { return nil }
        }
    }
}

extension ProxyEnd {
    /// The end as an address of the system.
    var socketAddress: SocketAddress? { SocketAddress(bytes: address, port: port) }
}
