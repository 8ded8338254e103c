/// Where a runtime stands with the Runtime API; the names are those of the error texts.
///
/// Pure: connections and time are outside.
enum RuntimeState: String {
    case started = "Started"
    case ready = "Ready"
    case running = "Running"
    case response = "InvocationResponse"
    case errorResponse = "InvocationErrorResponse"
    case responseSent = "RuntimeResponseSentState"
    case initError = "InitError"

    /// A call of the Runtime API, or the assignment of an invocation.
    enum Event {
        case next, assigned, responseBegins, errorBegins, bodyComplete, initError

        /// The state that the event asks for.
        var target: RuntimeState {
            switch self {
            case .next: .ready
            case .assigned: .running
            case .responseBegins: .response
            case .errorBegins: .errorResponse
            case .bodyComplete: .responseSent
            case .initError: .initError
            }
        }
    }

    /// Moves on; false when the order of calls is wrong, which leaves the state as it was.
    mutating func apply(_ event: Event) -> Bool {
        switch (self, event) {
        case (.running, .next): return true
        case (.started, .next), (.ready, .next), (.responseSent, .next), (.ready, .assigned),
            (.running, .responseBegins), (.running, .errorBegins), (.response, .bodyComplete),
            (.errorResponse, .bodyComplete), (.started, .initError):
            self = event.target
            return true
        default: return false
        }
    }
}
