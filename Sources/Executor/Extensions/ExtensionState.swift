/// Where an extension stands with the Extensions API; the names are those of the error texts.
///
/// Pure: connections, processes and time are outside. Source: "Using the Lambda Extensions API".
enum ExtensionState: String {
    case started = "Started"
    case registered = "Registered"
    case ready = "Ready"
    case running = "Running"
    case initError = "InitError"
    case exitError = "ExitError"
    case exited = "Exited"

    /// A call of the Extensions API, an event that is handed over, or the end of the process.
    enum Event {
        case register, next, given, initError, exitError, exit

        /// The state that the event asks for.
        var target: ExtensionState {
            switch self {
            case .register: .registered
            case .next: .ready
            case .given: .running
            case .initError: .initError
            case .exitError: .exitError
            case .exit: .exited
            }
        }
    }

    /// Whether it may still ask for events.
    var isAlive: Bool {
        switch self {
        case .started, .registered, .ready, .running: true
        case .initError, .exitError, .exited: false
        }
    }

    /// Moves on; false when the order of calls is wrong, which leaves the state as it was.
    mutating func apply(_ event: Event) -> Bool {
        switch (self, event) {
        case (.started, .register), (.registered, .next), (.running, .next), (.ready, .next),
            (.ready, .given), (.registered, .initError), (.registered, .exitError),
            (.ready, .exitError), (.running, .exitError):
            self = event.target
            return true
        case (.exited, .exit): return false
        case (_, .exit):
            self = .exited
            return true
        default: return false
        }
    }
}
