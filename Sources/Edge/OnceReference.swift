import Synchronization

/// A reference that is set once and read by many threads.
///
/// What `AtomicLazyReference` does, without its generic code at run time: a read is one load.
struct OnceReference<Instance: AnyObject & Sendable>: ~Copyable, Sendable {
    private let word = Atomic<UInt>(0)

    deinit {
        let held = UnsafeRawPointer(bitPattern: word.load(ordering: .acquiring))
        if let held { Unmanaged<Instance>.fromOpaque(held).release() }
    }

    /// Runs with what the reference leads to; nil before it was set.
    @inline(__always)
    func read<Result>(_ body: (Instance) -> Result) -> Result? {
        UnsafeRawPointer(bitPattern: word.load(ordering: .acquiring)).map {
            Unmanaged<Instance>.fromOpaque($0)._withUnsafeGuaranteedRef(body)
        }
    }

    /// Sets the reference unless it has been set.
    func store(_ instance: Instance) {
        let held = Unmanaged.passRetained(instance)
        let (exchanged, _) = word.compareExchange(
            expected: 0,
            desired: UInt(bitPattern: held.toOpaque()),
            ordering: .acquiringAndReleasing
        )
        if !exchanged { held.release() }
    }
}
