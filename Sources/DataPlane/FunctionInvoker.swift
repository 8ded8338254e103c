package import HTTP

/// One call of a function version.
package struct Invocation: Sendable {
    /// The qualified function: `name:version`.
    package var function: String
    package var payload: Bytes
    package var requestID: String
    /// The edge that runs it (`iad`), or nil for the home region.
    package var edge: String?
    /// The longest the caller waits; the function's own timeout may be shorter.
    package var limit: Duration
    /// The largest answer the caller takes, in bytes.
    package var maximumResponse: Int

    /// Makes an invocation.
    package init(
        function: String,
        payload: Bytes,
        requestID: String,
        edge: String? = nil,
        limit: Duration = .seconds(30),
        maximumResponse: Int = 6 << 20
    ) {
        self.function = function
        self.payload = payload
        self.requestID = requestID
        self.edge = edge
        self.limit = limit
        self.maximumResponse = maximumResponse
    }
}

/// How an invocation ended.
package enum InvocationResult: Sendable {
    case success(Bytes)
    /// The function threw, rejected, crashed, exited or ran out of time; the payload is Lambda's error JSON
    /// (`errorType`, `errorMessage`, …).
    case functionError(FunctionFailure, payload: Bytes)
    /// No concurrency left; the text is AWS's reason.
    case throttled(String)
    case notFound(String)
}

/// Why a function failed.
package enum FunctionFailure: Sendable, Equatable {
    case handled, timeout, exited, initFailed, responseTooLarge, outOfMemory
}

/// What runs functions; the one seam between doors and the executor.
package protocol FunctionInvoker: Sendable {
    /// Runs a function and waits for its answer within the limit.
    func invoke(_ invocation: Invocation) async -> InvocationResult
}
