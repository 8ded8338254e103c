/// Names a scheduled action.
package struct TimerID: Hashable, Sendable {
    let serial: UInt64
    let tick: UInt64
}

/// A hashed wheel of timers: adding, cancelling and firing cost the same however many there are.
///
/// Pure: time comes in as instants. Granularity: 8 milliseconds; no action runs early.
struct TimerWheel {
    private static let slotCount = 1024
    /// Unit: nanoseconds.
    private static let granularity: Int64 = 8_000_000
    /// The longest sleep between two looks at the wheel, in milliseconds.
    private static let longestSleep: Int32 = 8000

    private let start: MonotonicInstant
    private var slots: [[UInt64: (tick: UInt64, action: () -> Void)]]
    private var current: UInt64 = 0
    /// No timer is due before this tick; found anew only after it has passed.
    private var earliest: UInt64 = .max
    private var serial: UInt64 = 0
    private(set) var count = 0

    init(start: MonotonicInstant) {
        self.start = start
        slots = Array(repeating: [:], count: Self.slotCount)
    }

    mutating func add(
        at deadline: MonotonicInstant,
        _ action: @escaping () -> Void
    ) -> TimerID {
        let tick = max(current + 1, Self.ticks(from: start, to: deadline, roundingUp: true))
        serial += 1
        slots[Int(tick % UInt64(Self.slotCount))][serial] = (tick, action)
        count += 1
        earliest = min(earliest, tick)
        return TimerID(serial: serial, tick: tick)
    }

    mutating func cancel(_ timer: TimerID) {
        let slot = Int(timer.tick % UInt64(Self.slotCount))
        if slots[slot].removeValue(forKey: timer.serial) != nil { count -= 1 }
        if count == 0 { earliest = .max }
    }

    /// How many milliseconds the loop may sleep: -1 without timers.
    func millisecondsToNext(from now: MonotonicInstant) -> Int32 {
        guard count > 0 else { return -1 }
        let ticks = Int64(min(earliest, current + UInt64(Self.slotCount)))
        let due = start.nanoseconds + ticks * Self.granularity
        let wait = due - now.nanoseconds
        guard wait > 0 else { return 0 }
        return Int32(min(wait / 1_000_000 + 1, Int64(Self.longestSleep)))
    }

    /// Takes out what is due, in the order it was added; the caller runs it, outside of this wheel,
    /// because actions add and cancel timers.
    mutating func takeDue(upTo now: MonotonicInstant) -> [() -> Void] {
        let target = Self.ticks(from: start, to: now, roundingUp: false)
        guard target > current else { return [] }
        guard count > 0, target >= earliest else {
            current = target
            return []
        }
        var due: [(UInt64, () -> Void)] = []
        let span = UInt64(Self.slotCount)
        let first = target - current >= span ? target - span + 1 : current + 1
        for tick in first...target {
            let slot = Int(tick % span)
            guard !slots[slot].isEmpty else { continue }
            for (serial, timer) in slots[slot] where timer.tick <= target {
                due.append((serial, timer.action))
                slots[slot][serial] = nil
                count -= 1
            }
        }
        current = target
        earliest = findEarliest()
        return due.sorted(by: { $0.0 < $1.0 }).map(\.1)
    }

    /// The first tick with work within one turn of the wheel, else the turn's end as a lower bound.
    private func findEarliest() -> UInt64 {
        guard count > 0 else { return .max }
        for ahead in 1...UInt64(Self.slotCount) {
            let tick = current + ahead
            let slot = slots[Int(tick % UInt64(Self.slotCount))]
            if slot.values.contains(where: { $0.tick <= tick }) { return tick }
        }
        return current + UInt64(Self.slotCount)
    }

    private static func ticks(
        from start: MonotonicInstant,
        to instant: MonotonicInstant,
        roundingUp: Bool
    ) -> UInt64 {
        guard instant > start else { return 0 }
        let passed = UInt64(instant.nanoseconds - start.nanoseconds)
        let size = UInt64(granularity)
        return roundingUp ? passed / size + 1 : passed / size
    }
}
