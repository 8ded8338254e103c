/// The waiting events by the time at which they are due; equal times in the order of arrival.
struct EventHeap {
    /// One waiting event.
    struct Entry: Comparable {
        var due: Int64
        var serial: Int
        var id: String

        static func < (left: Entry, right: Entry) -> Bool {
            (left.due, left.serial) < (right.due, right.serial)
        }
    }

    private var entries: [Entry] = []
    private var serial = 0

    var count: Int { entries.count }
    var first: Entry? { entries.first }

    /// - Complexity: O(log n).
    mutating func insert(_ id: String, due: Int64) {
        serial += 1
        entries.append(Entry(due: due, serial: serial, id: id))
        var child = entries.count - 1
        while child > 0, entries[child] < entries[(child - 1) / 2] {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// - Complexity: O(log n).
    mutating func removeFirst() -> Entry? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return first }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child] < entries[least] {
                least = child
            }
            guard least != parent else { return first }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
