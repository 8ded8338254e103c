/// The AWS services that the executor calls at endpoints of other programs.
package enum ServiceKind: String, Sendable, CaseIterable {
    case sqs, sns, s3, events, kinesis, dynamodb

    /// The first part of the name of its endpoint at AWS.
    ///
    /// Source: AWS General Reference, "Service endpoints and quotas".
    var hostPrefix: String { self == .dynamodb ? "streams.dynamodb" : rawValue }

    /// What follows `AWS_ENDPOINT_URL_` in the variable that names its endpoint, best first.
    ///
    /// Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
    var variables: [String] {
        switch self {
        case .sqs, .sns, .s3, .kinesis: [rawValue.uppercased()]
        case .events: ["EVENTBRIDGE"]
        case .dynamodb: ["DYNAMODB_STREAMS", "DYNAMODB"]
        }
    }

    /// The service in the scope of a signature.
    var signingName: String { rawValue }
}
