/// Where an execution environment stands.
///
/// Pure: time and processes are outside.
enum EnvironmentState: Equatable {
    case booting, blank, initialising, idle, busy, ended

    /// What can happen to an environment.
    enum Event { case ready, assigned, loaded, invoked, answered, stopped }

    /// Moves on; false when the event makes no sense now, which leaves the state as it was.
    mutating func apply(_ event: Event) -> Bool {
        switch (self, event) {
        case (.booting, .ready): self = .blank
        case (.blank, .assigned): self = .initialising
        case (.initialising, .loaded): self = .idle
        case (.idle, .invoked): self = .busy
        case (.busy, .answered): self = .idle
        case (.ended, _): return false
        case (_, .stopped): self = .ended
        default: return false
        }
        return true
    }
}
