/// How records of requests are written at once: the form in which records and templates keep it.
///
/// Source: "Use real-time access logs".
package enum RealTimeLogRecord {
    /// The kind of the records.
    package static let kind = "cloudfront/realtime-log-config"

    /// The id of a configuration's record.
    package static func key(_ name: String) -> String { "\(kind)/\(name)" }

    /// The ARN of a configuration.
    package static func arn(_ name: String) -> String {
        "arn:aws:cloudfront::\(FunctionARN.account):realtime-log-config/\(name)"
    }

    /// The name in an ARN.
    package static func name(of arn: String) -> String {
        arn.split(separator: "/").last.map(String.init) ?? arn
    }

    /// The id of the record that says where a stream goes on this machine.
    package static func streamKey(_ stream: String) -> String { "portico/stream/\(stream)" }
}
