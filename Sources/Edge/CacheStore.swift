import Synchronization

/// How a look-up ended.
enum CacheLookup: Sendable {
    case hit(StoredResponse)
    /// Served at once though stale; whoever holds the fill refreshes it behind the viewer's back.
    case stale(StoredResponse, Fill?)
    /// This request fetches for all that wait; a stale entry may be revalidated.
    case fill(Fill, stale: StoredResponse?)
    /// The answers under this key were not cacheable lately: nobody waits.
    case pass(stale: StoredResponse?)
    /// Another request fetches; its answer can be read while it arrives.
    case join(SharedAnswer)
}

/// The answers that one edge holds: bounded in bytes, the least recently used goes first.
package final class CacheStore: Sendable {
    private static let shardCount = 16
    /// Unit: seconds.
    private static let uncacheableMemory = 10
    private static let uncacheableBound = 1024

    private struct Flight {
        var serial: UInt64
        /// The answer on its way, once it is known to be for all.
        weak var shared: SharedAnswer?
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private struct State: ~Copyable {
        var entries: RecencyMap
        var flights: [String: Flight] = [:]
        /// Key to the second until which it is known as uncacheable.
        var uncacheable: [String: Int] = [:]
        var serial: UInt64 = 0

        init(bound: Int) { entries = RecencyMap(provenBound: bound / 5 * 4) }
    }

    private final class Shard: Sendable {
        let state: Mutex<State>

        init(bound: Int) { state = Mutex(State(bound: bound)) }
    }

    private let shards: [Shard]
    /// Where large objects go; nil where all stays in memory.
    package let disk: DiskTier?
    private let shardBound: Int
    /// The largest body that is stored.
    ///
    /// Unit: bytes.
    package let maximumObject: Int

    /// Makes an empty store.
    ///
    /// Unit: bytes.
    package init(byteLimit: Int = 256 << 20, disk: DiskTier? = nil) {
        self.disk = disk
        let bound = byteLimit / Self.shardCount
        shards = (0..<Self.shardCount).map { _ in Shard(bound: bound) }
        shardBound = bound
        maximumObject = shardBound / 2
    }

    private func shard(_ key: String) -> Shard {
        shards[Int(UInt(bitPattern: key.hashValue) % UInt(Self.shardCount))]
    }

    /// Finds a fresh entry, else makes the caller the one that fetches; waits while another does.
    func lookUp(_ key: String, now: () -> Int, collapses: Bool = true) async -> CacheLookup {
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
            if let entry, entry.servedStaleUntil > now {
                guard state.flights[key] == nil else { return .stale(entry, nil) }
                state.serial += 1
                state.flights[key] = Flight(serial: state.serial)
                return .stale(entry, Fill(store: self, key: key, serial: state.serial))
            }
            if !collapses || (state.uncacheable[key] ?? 0) > now { return .pass(stale: entry) }
            if let flight = state.flights[key] { return flight.shared.map { .join($0) } }
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

    /// The fresh entry of a key, or nil.
    func fresh(_ key: String, now: Int) -> StoredResponse? {
        shard(key).state.withLock { state in
            guard let entry = state.entries.get(key), entry.expiresAt > now else { return nil }
            return entry
        }
    }

    /// Forgets an entry, unless another has taken its place.
    func remove(_ key: String, _ entry: StoredResponse) {
        update(key) { $0 === entry ? nil : $0 }
    }

    /// Whether a fresh entry of a key is held, which counts as a use.
    package func holds(_ key: String, now: Int = 0) -> Bool { fresh(key, now: now) != nil }

    /// Changes what is stored under a key; nil removes it.
    func update(_ key: String, _ change: (StoredResponse?) -> StoredResponse?) {
        let bound = shardBound
        shard(key).state.withLock { state in
            guard let entry = change(state.entries.get(key)), entry.cost <= bound else {
                return state.entries.remove(key)
            }
            state.entries.put(key, entry)
            while state.entries.cost > bound { state.entries.removeOldest() }
        }
    }

    /// Forgets what an invalidation of a distribution names, in all variants.
    ///
    /// `path` starts with `/`, and a `*` at its end is a wildcard; or it is `#` and a tag. Returns how many entries
    /// went.
    @discardableResult
    package func invalidate(distribution: String, path: String) -> Int {
        if path.first == CacheTags.mark {
            let tag = path.dropFirst().lowercased()
            return removeAll { key, entry in
                entry.tags.contains(tag) && CacheKey.isOf(distribution, key)
            }
        }
        return removeAll { CacheKey.matches($0, distribution: distribution, path: path) }
    }

    /// Remembers that answers under this key are not for others.
    package func markUncacheable(_ key: String, now: Int) {
        shard(key).state.withLock { state in
            if state.uncacheable.count >= Self.uncacheableBound { state.uncacheable.removeAll() }
            state.uncacheable[key] = now + Self.uncacheableMemory
        }
    }

    /// Forgets everything whose key satisfies a test: an invalidation.
    @discardableResult
    package func removeAll(where test: (String) -> Bool) -> Int {
        removeAll { key, _ in test(key) }
    }

    private func removeAll(where test: (String, StoredResponse) -> Bool) -> Int {
        var count = 0
        for shard in shards {
            shard.state.withLock { state in
                for key in state.entries.keys(where: test) {
                    state.entries.remove(key)
                    count += 1
                }
            }
        }
        return count
    }

    /// How many objects are held.
    package var count: Int {
        shards.reduce(0) { total, shard in total + shard.state.withLock { $0.entries.count } }
    }

    /// The bytes held.
    package var cost: Int {
        shards.reduce(0) { total, shard in total + shard.state.withLock { $0.entries.cost } }
    }

    fileprivate func share(_ answer: SharedAnswer, _ key: String, serial: UInt64) {
        let waiters = shard(key).state.withLock { state -> [UnsafeContinuation<Void, Never>] in
            guard var flight = state.flights[key], flight.serial == serial else { return [] }
            let waiters = flight.waiters
            flight.waiters = []
            flight.shared = answer
            state.flights[key] = flight
            return waiters
        }
        for waiter in waiters { waiter.resume() }
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

    /// Lets all that wait read the answer while it arrives.
    func share(_ answer: SharedAnswer) { store.share(answer, key, serial: serial) }

    /// Gives the duty back: the next one fetches.
    func abandon() { end() }

    /// Says that there is nothing to share; all that wait go on by themselves.
    package func refuse(now: Int) {
        store.markUncacheable(key, now: now)
        end()
    }

    private func end() { store.endFlight(key, serial: serial) }
}
