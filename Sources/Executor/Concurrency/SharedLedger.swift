import Synchronization

/// The ledger of all reactors.
final class SharedLedger: Sendable {
    private let ledger: Mutex<ConcurrencyLedger>

    init(_ limits: ConcurrencyLimits) { ledger = Mutex(ConcurrencyLedger(limits)) }

    /// The place of a function, by its name or by `name:version`.
    func slot(of function: String) -> ConcurrencyLedger.Slot {
        let name = String(function.prefix { $0 != ":" })
        return ledger.withLock { $0.slot(of: name) }
    }

    /// Counts one more invocation, unless that is too many.
    func begin(_ slot: ConcurrencyLedger.Slot) -> ConcurrencyLedger.Refusal? {
        ledger.withLock { $0.begin(slot, at: .now) }
    }

    /// One invocation has ended.
    func end(_ slot: ConcurrencyLedger.Slot) { ledger.withLock { $0.end(slot) } }

    /// Counts a new environment of a function; false when it grows too fast.
    func grow(_ slot: ConcurrencyLedger.Slot) -> Bool {
        ledger.withLock { $0.grow(slot, at: .now) }
    }

    /// Replaces the reserves; what runs goes on.
    func reserve(_ reserves: [String: Int]) { ledger.withLock { $0.reserve(reserves) } }
}
