import Reactor

/// How much time an environment's processes have to end by themselves.
///
/// Source: "Understanding the Lambda execution environment lifecycle", "Shutdown phase".
struct ShutdownPlan: Equatable {
    /// With internal extensions alone.
    private static let internalBudget: Duration = .milliseconds(500)
    private static let externalBudget: Duration = .milliseconds(2000)

    /// For the runtime: it gets SIGTERM and is killed after so long; none means at once.
    let runtime: Duration
    /// For everything.
    let whole: Duration

    /// The plan for a set of extensions; a runtime that hangs or has failed gets no time.
    ///
    /// `stretch` multiplies AWS's times, for slow machines.
    init(hasExternal: Bool, isEmpty: Bool, reason: ShutdownReason, stretch: Int = 1) {
        let budget = hasExternal ? Self.externalBudget : Self.internalBudget
        whole = isEmpty ? .zero : budget * stretch
        runtime = reason == .spindown ? whole * 3 / 10 : .zero
    }
}
