import Synchronization

/// The latest requests, oldest dropped first.
package final class RequestLog: Sendable {
    /// How many requests are kept.
    package static let capacity = 1000

    private struct Ring {
        var records: [AccessRecord] = []
        var next = 0
    }

    private let ring = Mutex(Ring())

    /// Makes an empty log.
    package init() {}

    /// Keeps a record in the place of the oldest, which the caller gets in its stead.
    package func append(_ record: inout AccessRecord) {
        ring.withLock { ring in
            if ring.records.count < Self.capacity {
                ring.records.append(record)
            } else {
                swap(&ring.records[ring.next], &record)
            }
            ring.next = (ring.next + 1) % Self.capacity
        }
    }

    /// The latest records, newest first.
    package func latest(_ limit: Int) -> [AccessRecord] {
        ring.withLock { ring in
            let count = min(max(0, limit), ring.records.count)
            return (0..<count).map { back in
                ring.records[(ring.next - 1 - back + Self.capacity) % Self.capacity]
            }
        }
    }
}
