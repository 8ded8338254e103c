/// What belongs to a function as a whole, or to one of its qualifiers, rather than to a version's code.
package struct FunctionSettings: Sendable, Codable, Hashable {
    package var function: String
    /// The most invocations at once; 0 stops the function, nil leaves it to the account's pool.
    ///
    /// AWS Lambda: "Configuring reserved concurrency for a function".
    package var reservedConcurrency: Int?
    /// Environments kept ready, by version or alias.
    package var provisionedConcurrency: [String: Int] = [:]
    /// How asynchronous calls are retried, by version, alias or `$LATEST`.
    package var events: [String: EventSettings] = [:]
    /// Function URLs, by alias or `$LATEST`.
    package var urls: [String: FunctionURL] = [:]

    /// Makes settings that change nothing.
    package init(function: String) { self.function = function }

    /// Whether nothing is set.
    package var isEmpty: Bool { self == FunctionSettings(function: function) }
}

/// How asynchronous calls of a function are retried and where their records go.
///
/// AWS Lambda: "Configuring error handling settings for Lambda asynchronous invocations".
package struct EventSettings: Sendable, Codable, Hashable {
    /// 0 to 2; nil means 2.
    package var maximumRetryAttempts: Int?
    /// How long an event may wait.
    ///
    /// Unit: seconds. Range: 60…21600; nil means 21600.
    package var maximumAge: Int?
    /// The ARN that gets a record of each success.
    package var onSuccess: String?
    /// The ARN that gets a record of each event that was given up.
    package var onFailure: String?

    /// Makes settings with Lambda's defaults.
    package init() {}
}

/// A function's own HTTPS endpoint.
///
/// AWS Lambda: "Creating and managing Lambda function URLs".
package struct FunctionURL: Sendable, Codable, Hashable {
    /// 32 letters and digits in lower case: the first label of its host name.
    package var id: String
    /// Whether callers must sign (`AWS_IAM`) or not (`NONE`).
    package var requiresSignature: Bool
    /// Whether the answer is streamed (`RESPONSE_STREAM`) or collected (`BUFFERED`).
    package var streams = false
    package var cors: HTTPAPI.CORS?

    /// Makes an endpoint that answers as a whole.
    package init(id: String, requiresSignature: Bool) {
        self.id = id
        self.requiresSignature = requiresSignature
    }
}
