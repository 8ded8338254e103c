package import HTTP
import Synchronization

/// A stored answer of an origin.
package final class StoredResponse: Sendable {
    package let head: ResponseHead
    package let body: Bytes
    /// Unit: seconds since 1970.
    package let storedAt: Int
    /// Unit: seconds since 1970.
    package let expiresAt: Int
    /// The age that the origin sent.
    ///
    /// Unit: seconds.
    package let initialAge: Int
    /// What the origin answered, before its hook.
    package let originStatus: Int

    /// Makes an entry.
    package init(
        head: ResponseHead,
        body: Bytes,
        storedAt: Int,
        expiresAt: Int,
        initialAge: Int = 0,
        originStatus: Int
    ) {
        self.head = head
        self.body = body
        self.storedAt = storedAt
        self.expiresAt = expiresAt
        self.initialAge = initialAge
        self.originStatus = originStatus
    }

    /// What counts against the store's bound.
    ///
    /// Unit: bytes.
    package var cost: Int { body.count + head.headers.byteCount + 512 }
}

/// How a look-up ended.
package enum CacheLookup: Sendable {
    case hit(StoredResponse)
    /// This request fetches for all that wait; a stale entry may be revalidated.
    case fill(Fill, stale: StoredResponse?)
    /// The answers under this key were not cacheable lately: nobody waits.
    case pass(stale: StoredResponse?)
}

/// The answers that one edge holds: bounded in bytes, the least recently used goes first.
package final class CacheStore: Sendable {
    private static let shardCount = 16
    /// Unit: seconds.
    private static let uncacheableMemory = 10
    private static let uncacheableBound = 1024

    private struct Flight {
        var serial: UInt64
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private struct State: ~Copyable {
        var entries = RecencyMap()
        var flights: [String: Flight] = [:]
        /// Key to the second until which it is known as uncacheable.
        var uncacheable: [String: Int] = [:]
        var serial: UInt64 = 0
    }

    private final class Shard: Sendable {
        let state = Mutex(State())
    }

    private let shards: [Shard]
    private let shardBound: Int
    /// The largest body that is stored.
    ///
    /// Unit: bytes.
    package let maximumObject: Int

    /// Makes an empty store.
    ///
    /// Unit: bytes.
    package init(byteLimit: Int = 256 << 20) {
        shards = (0..<Self.shardCount).map { _ in Shard() }
        shardBound = byteLimit / Self.shardCount
        maximumObject = shardBound / 2
    }

    private func shard(_ key: String) -> Shard {
        shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))]
    }

    /// Finds a fresh entry, else makes the caller the one that fetches; waits while another does.
    package func lookUp(_ key: String, now: () -> Int, collapses: Bool = true) async -> CacheLookup
    {
        let shard = shard(key)
        while true {
            if let found = find(key, in: shard, now: now(), collapses: collapses) { return found }
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isQueued = shard.state.withLock { state in
                    guard state.flights[key] != nil else { return false }
                    state.flights[key]?.waiters.append(continuation)
                    return true
                }
                if !isQueued { continuation.resume() }
            }
        }
    }

    /// Nil when another request is fetching.
    private func find(
        _ key: String,
        in shard: Shard,
        now: Int,
        collapses: Bool
    ) -> CacheLookup? {
        shard.state.withLock { state in
            let entry = state.entries.get(key)
            if let entry, entry.expiresAt > now { return .hit(entry) }
            if !collapses || (state.uncacheable[key] ?? 0) > now { return .pass(stale: entry) }
            if state.flights[key] != nil { return nil }
            state.serial += 1
            state.flights[key] = Flight(serial: state.serial)
            return .fill(Fill(store: self, key: key, serial: state.serial), stale: entry)
        }
    }

    /// Puts an answer under a key.
    package func put(_ key: String, _ entry: StoredResponse) {
        let bound = shardBound
        shard(key).state.withLock { state in
            guard entry.cost <= bound else { return }
            if entry.expiresAt > entry.storedAt { state.uncacheable[key] = nil }
            state.entries.put(key, entry)
            while state.entries.cost > bound { state.entries.removeOldest() }
        }
    }

    /// Remembers that answers under this key are not for others.
    package func markUncacheable(_ key: String, now: Int) {
        shard(key).state.withLock { state in
            if state.uncacheable.count >= Self.uncacheableBound { state.uncacheable.removeAll() }
            state.uncacheable[key] = now + Self.uncacheableMemory
        }
    }

    /// Forgets everything whose key satisfies a test: an invalidation.
    package func removeAll(where test: (String) -> Bool) {
        for shard in shards {
            shard.state.withLock { state in
                for key in state.entries.keys where test(key) { state.entries.remove(key) }
            }
        }
    }

    /// The bytes held.
    package var cost: Int {
        shards.reduce(0) { total, shard in total + shard.state.withLock { $0.entries.cost } }
    }

    fileprivate func endFlight(_ key: String, serial: UInt64) {
        let waiters = shard(key).state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            guard let flight = state.flights[key], flight.serial == serial else { return [] }
            state.flights[key] = nil
            return flight.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}

/// The duty to fetch what others wait for; letting go of it wakes them, so that the next one fetches.
package final class Fill: Sendable {
    private let store: CacheStore
    private let key: String
    private let serial: UInt64

    fileprivate init(store: CacheStore, key: String, serial: UInt64) {
        self.store = store
        self.key = key
        self.serial = serial
    }

    deinit { end() }

    /// Stores the answer and wakes all that wait.
    package func fulfil(_ entry: StoredResponse) {
        store.put(key, entry)
        end()
    }

    /// Says that there is nothing to share; all that wait go on by themselves.
    package func refuse(now: Int) {
        store.markUncacheable(key, now: now)
        end()
    }

    private func end() { store.endFlight(key, serial: serial) }
}

/// Entries in the order of their last use; every operation is constant-time.
private struct RecencyMap {
    private struct Node {
        var key: String
        var entry: StoredResponse
        var newer: Int
        var older: Int
    }

    private var places: [String: Int] = [:]
    private var nodes: [Node?] = []
    private var free: [Int] = []
    private var newest = -1
    private var oldest = -1
    private(set) var cost = 0

    var keys: [String] { Array(places.keys) }

    mutating func get(_ key: String) -> StoredResponse? {
        guard let place = places[key], let node = nodes[place] else { return nil }
        if place != newest {
            unlink(place)
            link(place)
        }
        return node.entry
    }

    mutating func put(_ key: String, _ entry: StoredResponse) {
        remove(key)
        let node = Node(key: key, entry: entry, newer: -1, older: -1)
        let place: Int
        if let reused = free.popLast() {
            place = reused
            nodes[place] = node
        } else {
            place = nodes.count
            nodes.append(node)
        }
        places[key] = place
        cost += entry.cost
        link(place)
    }

    mutating func remove(_ key: String) {
        guard let place = places.removeValue(forKey: key), let node = nodes[place] else { return }
        unlink(place)
        nodes[place] = nil
        free.append(place)
        cost -= node.entry.cost
    }

    mutating func removeOldest() {
        guard oldest >= 0, let node = nodes[oldest] else { return }
        remove(node.key)
    }

    private mutating func link(_ place: Int) {
        nodes[place]?.older = newest
        nodes[place]?.newer = -1
        if newest >= 0 { nodes[newest]?.newer = place }
        newest = place
        if oldest < 0 { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        guard let node = nodes[place] else { return }
        if node.newer >= 0 { nodes[node.newer]?.older = node.older } else { newest = node.older }
        if node.older >= 0 { nodes[node.older]?.newer = node.newer } else { oldest = node.newer }
    }
}
