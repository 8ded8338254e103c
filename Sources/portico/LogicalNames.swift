import Synchronization

/// Logical ids of the stack's functions and the names they stand for.
final class LogicalNames: Sendable {
    private let names = Mutex<[String: String]>([:])

    /// Takes the ids of a newly deployed stack.
    func replace(_ all: [String: String]) { names.withLock { $0 = all } }

    /// The function's name, or nil for an unknown id.
    subscript(id: String) -> String? { names.withLock { $0[id] } }
}
