import Synchronization

/// The last lines of invocations whose callers asked for them (`X-Amz-Log-Type: Tail`).
package final class LogTails: Sendable {
    /// The most bytes that a caller gets.
    ///
    /// Lambda API, "Invoke": the last 4 KB.
    static let maximumTail = 4096
    /// How many invocations may be watched at once.
    static let maximumOpen = 1024

    private let watched = Atomic<Int>(0)
    private let tails = Mutex<[String: [UInt8]]>([:])

    /// Makes an empty set.
    package init() {}

    /// Takes a line of an invocation; of those that nobody watches it costs one load.
    package func append(_ line: @autoclosure () -> String, requestID: String) {
        guard watched.load(ordering: .relaxed) > 0 else { return }
        tails.withLock { tails in
            guard var tail = tails[requestID] else { return }
            tail += line().utf8
            if tail.last != UInt8(ascii: "\n") { tail.append(UInt8(ascii: "\n")) }
            if tail.count > Self.maximumTail { tail.removeFirst(tail.count - Self.maximumTail) }
            tails[requestID] = tail
        }
    }

    /// Begins to watch an invocation; above the bound it stays unwatched and its tail is empty.
    func open(_ requestID: String) {
        tails.withLock { tails in
            if tails.count < Self.maximumOpen { tails[requestID] = [] }
        }
        watched.add(1, ordering: .relaxed)
    }

    /// Ends watching and returns what was kept.
    func close(_ requestID: String) -> [UInt8] {
        watched.subtract(1, ordering: .relaxed)
        return tails.withLock { $0.removeValue(forKey: requestID) } ?? []
    }
}
