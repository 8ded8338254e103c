/// How many invocations an account may run at once, and how fast it may grow.
package struct ConcurrencyLimits: Sendable {
    /// Source: Lambda quotas, "Concurrent executions".
    package var account = 1000
    /// Whether ten requests a second for each unit of concurrency are the ceiling.
    ///
    /// Source: "Understanding Lambda function scaling", "Requests per second quota".
    package var limitsRequestRate = false
    /// Whether a function gains at most 1,000 environments in ten seconds.
    ///
    /// Source: "Lambda scaling behavior".
    package var limitsScalingRate = false

    /// Makes the limits of a new account, without those on speed.
    package init() {}
}
