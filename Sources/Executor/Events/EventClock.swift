/// The time of an event queue.
package protocol EventClock: Sendable {
    /// Unit: milliseconds since 1970.
    var milliseconds: Int64 { get }
    /// Returns at a time, or at once when the task is cancelled.
    func sleep(until milliseconds: Int64) async
}

/// The machine's own time.
package struct SystemEventClock: EventClock {
    /// Makes a clock.
    package init() {}

    package var milliseconds: Int64 { System.milliseconds }

    /// Returns at a time, or at once when the task is cancelled.
    package func sleep(until milliseconds: Int64) async {
        let wait = max(0, milliseconds - System.milliseconds)
        try? await Task.sleep(for: .milliseconds(wait))
    }
}
