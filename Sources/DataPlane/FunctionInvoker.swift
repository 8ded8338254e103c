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
    /// The ARN as the caller addressed the function; nil means that of the version.
    package var arn: String?
    /// The client's context, JSON.
    package var clientContext: String?
    /// The caller's Cognito identity, JSON.
    package var identity: String?
    /// The value of `X-Amzn-Trace-Id`.
    package var traceID: String?
    /// By what the call came, for reports: the ARN of a route or a target group, a distribution's event, a
    /// mapping; nil for a direct call.
    package var route: String?

    /// The largest answer that Lambda takes from a function.
    ///
    /// Unit: bytes. Source: Lambda quotas, "Invocation payload"; 6 MiB and 100 bytes.
    package static let largestResponse = 6_291_556
}

extension Invocation {
    /// Makes an invocation.
    ///
    /// By way of the memberwise initializer: one that sets the members itself copies all of them at its end.
    package init(
        function: String,
        payload: Bytes,
        requestID: String,
        edge: String? = nil,
        limit: Duration = .seconds(30),
        maximumResponse: Int = Self.largestResponse
    ) {
        self.init(
            function: function,
            payload: payload,
            requestID: requestID,
            edge: edge,
            limit: limit,
            maximumResponse: maximumResponse,
            arn: nil,
            clientContext: nil,
            identity: nil,
            traceID: nil,
            route: nil
        )
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
    /// A hook failed that runs after restoring, took too long, or there is no snapshot yet to restore.
    case restoreFailed, restoreTimedOut, snapshotNotReady
}

/// What runs functions; the one seam between doors and the executor.
package protocol FunctionInvoker: Sendable {
    /// Runs a function and waits for its answer within the limit.
    func invoke(_ invocation: Invocation) async -> InvocationResult

    /// Runs a function and gives its answer while it arrives, when the function streams.
    ///
    /// The answer belongs to the reactor that asks.
    func stream(_ invocation: Invocation) async -> StreamedAnswer

    /// Accepts an asynchronous invocation; nil when it will run, else why it will not.
    func enqueue(_ invocation: Invocation) async -> InvocationResult?
}

extension FunctionInvoker {
    /// The whole answer at once.
    package func stream(_ invocation: Invocation) async -> StreamedAnswer {
        .whole(await invoke(invocation))
    }

    /// Runs it once, without keeping it.
    package func enqueue(_ invocation: Invocation) async -> InvocationResult? {
        Task { _ = await invoke(invocation) }
        return nil
    }
}

/// What a caller that can take a streamed answer gets.
package enum StreamedAnswer {
    /// The function failed before its first byte, or answered in one piece.
    case whole(InvocationResult)
    case streamed(StreamedResponse)
}

/// An answer that arrives while the function runs.
package struct StreamedResponse {
    /// What the function said its stream is.
    package var contentType: String
    package var body: any BodySource
    /// The error JSON that cut the answer short; known once the body has ended.
    package var error: () -> Bytes?

    /// Makes an answer from its parts.
    package init(contentType: String, body: any BodySource, error: @escaping () -> Bytes?) {
        self.contentType = contentType
        self.body = body
        self.error = error
    }
}
