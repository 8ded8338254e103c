import Foundation

/// A few threads for store calls that may block, so that no reactor and no task waits in the store.
final class BlockingDesk: Sendable {
    /// How many calls run at a time; more of them wait for their turn.
    static let callLimit = 8

    private let queue = OperationQueue()

    init(label: String) {
        queue.name = label
        queue.maxConcurrentOperationCount = Self.callLimit
    }

    /// Runs the body on one of the threads.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            queue.addOperation { continuation.resume(with: Result(catching: body)) }
        }
    }
}
