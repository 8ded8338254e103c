/// Entries in two queues: what was asked for once, and what was asked for again.
///
/// New entries go to the first; a second request moves one to the second, which has a bound of its own: beyond
/// it, what was asked for longest ago goes back. What is removed for room is the oldest of the first queue, so
/// that a scan over many objects does not push out those in use. Every operation is constant-time.
struct RecencyMap {
    private struct Node {
        var key: String
        var entry: StoredResponse
        var isProven = false
        var newer = -1
        var older = -1
    }

    private struct Queue {
        var newest = -1
        var oldest = -1
        var cost = 0
    }

    /// The bound of the second queue.
    ///
    /// Unit: bytes.
    private let provenBound: Int
    private var places: [String: Int] = [:]
    private var nodes: [Node?] = []
    private var free: [Int] = []
    private var fresh = Queue()
    private var proven = Queue()

    init(provenBound: Int) { self.provenBound = provenBound }

    /// Unit: bytes.
    var cost: Int { fresh.cost + proven.cost }
    var count: Int { places.count }
    var keys: [String] { Array(places.keys) }

    /// The keys whose entries pass a test.
    func keys(where test: (String, StoredResponse) -> Bool) -> [String] {
        nodes.compactMap { node in
            node.flatMap { test($0.key, $0.entry) ? $0.key : nil }
        }
    }

    /// The entry of a key, which counts as a use.
    mutating func get(_ key: String) -> StoredResponse? {
        guard let place = places[key], let node = nodes[place] else { return nil }
        guard !node.isProven || place != proven.newest else { return node.entry }
        unlink(place)
        nodes[place]?.isProven = true
        link(place)
        keepBound(sparing: place)
        return node.entry
    }

    /// Sends what was asked for longest ago back to the first queue.
    private mutating func keepBound(sparing place: Int) {
        while proven.cost > provenBound, proven.oldest != place { demote(proven.oldest) }
    }

    /// Puts an entry in the place of the one under its key.
    mutating func put(_ key: String, _ entry: StoredResponse) {
        let wasProven = places[key].flatMap { nodes[$0]?.isProven } ?? false
        remove(key)
        let node = Node(key: key, entry: entry, isProven: wasProven)
        let place: Int
        if let reused = free.popLast() {
            place = reused
            nodes[place] = node
        } else {
            place = nodes.count
            nodes.append(node)
        }
        places[key] = place
        link(place)
        if wasProven { keepBound(sparing: place) }
    }

    mutating func remove(_ key: String) {
        guard let place = places.removeValue(forKey: key) else { return }
        unlink(place)
        nodes[place] = nil
        free.append(place)
    }

    /// Removes what is least worth keeping.
    mutating func removeOldest() {
        let place = fresh.oldest >= 0 ? fresh.oldest : proven.oldest
        guard place >= 0, let node = nodes[place] else { return }
        remove(node.key)
    }

    private mutating func demote(_ place: Int) {
        unlink(place)
        nodes[place]?.isProven = false
        link(place)
    }

    private mutating func link(_ place: Int) {
        guard let node = nodes[place] else { return }
        var queue = node.isProven ? proven : fresh
        nodes[place]?.older = queue.newest
        nodes[place]?.newer = -1
        if queue.newest >= 0 { nodes[queue.newest]?.newer = place }
        queue.newest = place
        if queue.oldest < 0 { queue.oldest = place }
        queue.cost += node.entry.cost
        if node.isProven { proven = queue } else { fresh = queue }
    }

    private mutating func unlink(_ place: Int) {
        guard let node = nodes[place] else { return }
        var queue = node.isProven ? proven : fresh
        if node.newer >= 0 {
            nodes[node.newer]?.older = node.older
        } else {
            queue.newest = node.older
        }
        if node.older >= 0 {
            nodes[node.older]?.newer = node.newer
        } else {
            queue.oldest = node.newer
        }
        queue.cost -= node.entry.cost
        if node.isProven { proven = queue } else { fresh = queue }
    }
}
