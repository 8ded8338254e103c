/// What leaves the queue of asynchronous invocations for somewhere else.
package enum Parcel: Sendable {
    /// The record of an invocation that is done or given up, as JSON.
    case record([UInt8], function: String, isSuccess: Bool)
    /// An event that was given up, for a dead letter target.
    case deadLetter(QueuedEvent, code: Int, message: String)
}
