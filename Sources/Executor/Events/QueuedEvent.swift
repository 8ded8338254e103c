package import HTTP

/// An asynchronous invocation that was accepted and is not done yet.
package struct QueuedEvent: Sendable, Equatable {
    /// The invocation's id, the same for each attempt.
    package var id: String
    package var function: String
    /// As the caller addressed it: a version, an alias, or nil.
    package var qualifier: String?
    package var payload: Bytes
    package var clientContext: String?
    package var traceID: String?
    /// Unit: milliseconds since 1970.
    package var acceptedAt: Int64
    /// How often the function ran for it.
    package var attempts = 0
    /// How often it was put back because nothing could run.
    package var deferrals = 0

    /// Makes an event that was never tried.
    package init(
        id: String,
        function: String,
        qualifier: String? = nil,
        payload: Bytes,
        acceptedAt: Int64 = 0
    ) {
        self.id = id
        self.function = function
        self.qualifier = qualifier
        self.payload = payload
        self.acceptedAt = acceptedAt
    }
}
