/// What is known of a mapping's work so far.
package struct SourceStatus: Sendable, Equatable, Encodable {
    /// What the API says of the latest batch.
    package var lastResult = "No records processed"
    /// How old the last record of the latest batch was when it was handed over.
    ///
    /// Unit: milliseconds. Source: "Viewing metrics for Lambda functions", IteratorAge.
    package var iteratorAge: Int64 = 0
    package var batches = 0
    package var records = 0
    package var filtered = 0
    package var failedBatches = 0
    /// Records that were given up.
    package var dropped = 0
}
