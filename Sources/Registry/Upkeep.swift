/// Compacts changes and collects code, now and then, for as long as it runs.
///
/// Every primary of a shared store may do so: what one has done, the others find done.
package struct Upkeep: Sendable {
    private let registry: PrimaryRegistry
    private let retention: Retention
    private let pause: Duration
    private let failed: @Sendable (String) -> Void

    /// Makes the upkeep of a registry; `failed` hears of what did not work, which the next round tries again.
    package init(
        of registry: PrimaryRegistry,
        keeping retention: Retention = Retention(),
        every pause: Duration = StoreLimits.upkeepPause,
        failed: @escaping @Sendable (String) -> Void
    ) {
        self.registry = registry
        self.retention = retention
        self.pause = pause
        self.failed = failed
    }

    /// Works until the task is cancelled.
    package func run() async {
        // Primaries that were started together do not work together.
        while (try? await Task.sleep(for: pause * Double.random(in: 0.75...1.25))) != nil {
            do {
                _ = try await registry.maintain(keeping: retention)
            } catch {
                failed("the registry's upkeep: \(error)")
            }
        }
    }
}
