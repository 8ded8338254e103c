import CLinux
import Glibc
import Synchronization

/// Turns names into addresses off the reactor threads and remembers the answers for a while.
package final class NameResolver: Sendable {
    /// How many names are remembered.
    package static let capacity = 1024
    /// How many look-ups may run at once; more fail at once.
    package static let concurrency = 64
    /// How long an answer holds.
    package static let lifetime: Duration = .seconds(10)
    /// How long a failure holds.
    package static let failureLifetime: Duration = .seconds(1)

    /// The process's resolver.
    package static let shared = NameResolver()

    private struct State {
        var answers: [String: (addresses: [SocketAddress], until: ContinuousClock.Instant)] = [:]
        var waiting: [String: [CheckedContinuation<[SocketAddress], Never>]] = [:]
    }
    private let state = Mutex(State())

    private init() {}

    /// The addresses of a host, best first; empty when it has none.
    ///
    /// Numeric addresses, `localhost` and names under `.localhost` are answered at once.
    package func resolve(_ host: String, port: Int) async -> [SocketAddress] {
        if let immediate = Self.immediate(host, port: port) { return immediate }
        let known = state.withLock { state -> [SocketAddress]? in
            guard let answer = state.answers[host], answer.until > .now else { return nil }
            return answer.addresses
        }
        let found: [SocketAddress]
        if let known { found = known } else { found = await lookUp(host) }
        return found.map { address in
            var address = address
            address.port = port
            return address
        }
    }

    /// Answers that need no look-up.
    static func immediate(_ host: String, port: Int) -> [SocketAddress]? {
        if let numeric = SocketAddress(numeric: host, port: port) { return [numeric] }
        let name = host.hasSuffix(".") ? String(host.dropLast()).lowercased() : host.lowercased()
        guard name == "localhost" || name.hasSuffix(".localhost") else { return nil }
        return ["127.0.0.1", "::1"].compactMap { SocketAddress(numeric: $0, port: port) }
    }

    private func lookUp(_ host: String) async -> [SocketAddress] {
        await withCheckedContinuation { continuation in
            let starts = state.withLock { state -> Bool? in
                if state.waiting[host] != nil {
                    state.waiting[host]?.append(continuation)
                    return false
                }
                guard state.waiting.count < Self.concurrency else { return nil }
                state.waiting[host] = [continuation]
                return true
            }
            switch starts {
            case true: startThread(host)
            case false: break
            case nil: continuation.resume(returning: [])
            }
        }
    }

    private func startThread(_ host: String) {
        let isStarted = SystemThread.start("resolver") { [self] in
            finish(host, NameResolver.query(host))
        }
        if !isStarted { finish(host, []) }
    }

    private func finish(_ host: String, _ addresses: [SocketAddress]) {
        let waiting = state.withLock { state in
            let lifetime = addresses.isEmpty ? Self.failureLifetime : Self.lifetime
            if state.answers.count >= Self.capacity { state.answers.removeAll() }
            state.answers[host] = (addresses, .now + lifetime)
            return state.waiting.removeValue(forKey: host) ?? []
        }
        for continuation in waiting { continuation.resume(returning: addresses) }
    }

    private static func query(_ host: String) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let info = next {
            if let address = info.pointee.ai_addr {
                let length = info.pointee.ai_addrlen
                found.append(SocketAddress(copying: address, length: length, port: 0))
            }
            next = info.pointee.ai_next
        }
        return found
    }
}
