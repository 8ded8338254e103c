/// One line that a function or the platform wrote.
package struct FunctionLogLine: Sendable {
    /// The qualified function.
    package var function: String
    package var group: String
    package var stream: String
    /// Nil when the line belongs to no invocation.
    package var requestID: String?
    /// Unit: milliseconds since 1970.
    package var timestamp: Int64
    package var text: String
}
