/// What loading a function is part of.
enum LoadStage: Equatable {
    /// The init phase.
    case initial
    /// An invocation, inside of which static code runs once more after it had failed.
    case invocation(String)
    /// The restore phase: the process is a copy of one that has run the static code already.
    case restore

    /// How platform records name it.
    var phase: String {
        switch self {
        case .initial: "init"
        case .invocation: "invoke"
        case .restore: "restore"
        }
    }

    /// The invocation that it belongs to; empty when it belongs to none.
    var request: String {
        if case .invocation(let id) = self { id } else { "" }
    }
}
