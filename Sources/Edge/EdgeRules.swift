/// The rules of AWS that the edge enforces on functions, each with the page that states it.
package enum EdgeRule: String, Sendable, CaseIterable {
    case executionFailed = "edge.function.execution"
    case throttled = "edge.function.throttled"
    case resultNotObject = "edge.result.object"
    case readOnlyHeader = "edge.header.read-only"
    case disallowedHeader = "edge.header.disallowed"
    case headerEntryNotArray = "edge.header.entry"
    case headerValueNotText = "edge.header.value-type"
    case invalidHeaderName = "edge.header.name"
    case invalidHeaderValue = "edge.header.value"
    case readOnlyField = "edge.request.read-only-field"
    case invalidURI = "edge.request.uri"
    case invalidQueryString = "edge.request.querystring"
    case requestTooLong = "edge.request.length"
    case invalidBody = "edge.body"
    case invalidBodyEncoding = "edge.body.encoding"
    case invalidStatus = "edge.response.status"
    case statusWithoutBody = "edge.response.no-content"
    case statusReadOnly = "edge.response.status-read-only"
    case responseTooLarge = "edge.response.size"
    case invalidOrigin = "edge.origin"
    case invalidOriginHeaders = "edge.origin.headers"

    /// The title of the page of AWS's guide.
    package var title: String {
        switch self {
        case .executionFailed: "Test and debug Lambda@Edge functions"
        case .throttled, .responseTooLarge: "Quotas"
        case .readOnlyHeader, .disallowedHeader, .requestTooLong:
            "Restrictions on all edge functions"
        case .invalidBody: "Restrictions on Lambda@Edge"
        case .invalidStatus, .statusWithoutBody, .statusReadOnly:
            "Generate HTTP responses in request triggers"
        default: "Lambda@Edge event structure"
        }
    }

    /// The status that the viewer gets.
    package var status: Int {
        switch self {
        case .executionFailed, .throttled: 503
        default: 502
        }
    }

    /// What `X-Cache` says before `from cloudfront`, also the result type.
    package var resultType: String {
        switch self {
        case .executionFailed: "LambdaExecutionError"
        case .throttled: "LambdaLimitExceeded"
        default: "LambdaValidationError"
        }
    }

    /// The reason sentence of the error page.
    package var text: String {
        let failed = "The Lambda function result failed validation: "
        return switch self {
        case .executionFailed:
            "The Lambda function associated with the CloudFront distribution is invalid or doesn't "
                + "have the required permissions."
        case .throttled:
            "The Lambda function associated with the CloudFront distribution was throttled."
        case .resultNotObject: failed + "The function must return a request or response object."
        case .readOnlyHeader:
            failed + "The function tried to add, delete, or change a read-only header."
        case .disallowedHeader: failed + "The function tried to add a disallowed header."
        case .headerEntryNotArray:
            "The Lambda function returned an invalid entry in the headers object: Each header entry "
                + "in the headers object must be an array."
        case .headerValueNotText:
            "The Lambda function returned an invalid entry in the headers object: Each header value "
                + "must be a string or an array of strings."
        case .invalidHeaderName:
            "The Lambda function returned an invalid entry in the headers object: The header name is "
                + "invalid."
        case .invalidHeaderValue:
            failed + "The function returned an invalid header value."
        case .readOnlyField: failed + "The function tried to change a read-only field."
        case .invalidURI: failed + "The URI must be a string that starts with '/'."
        case .invalidQueryString:
            failed + "The querystring must be a string without spaces, control characters or '#'."
        case .requestTooLong: failed + "The URI and the querystring exceed the maximum length."
        case .invalidBody:
            failed + "The body is not a string, is not an object, or exceeds the maximum size."
        case .invalidBodyEncoding: failed + "The body is not valid in its encoding."
        case .invalidStatus: failed + "The status must be a string from 200 to 599."
        case .statusWithoutBody: failed + "A response with the status 204 must not have a body."
        case .statusReadOnly: failed + "The function tried to change the read-only status."
        case .responseTooLarge: failed + "The response exceeds the maximum size."
        case .invalidOrigin:
            "The Lambda function returned an invalid origin configuration: One or more fields are "
                + "missing or invalid."
        case .invalidOriginHeaders:
            "The Lambda function returned an invalid origin configuration: One or more HeaderName or "
                + "HeaderValue values are invalid."
        }
    }
}

/// A rule that a function broke, with what exactly was wrong.
package struct EdgeViolation: Error, Sendable, Equatable {
    package var rule: EdgeRule
    /// What goes to the log.
    package var detail: String

    /// Makes a violation; without a detail the rule's own text is logged.
    package init(_ rule: EdgeRule, _ detail: String = "") {
        self.rule = rule
        self.detail = detail.isEmpty ? rule.text : detail
    }
}

/// The sizes that functions must keep to.
///
/// Unit: bytes.
package enum EdgeLimits {
    package static let viewerBody = 40 << 10
    package static let originBody = 1 << 20
    /// 53.2 KB of base64 text stand for 40 KB.
    package static let viewerBodyBase64 = 54_476
    /// 1.33 MB of base64 text stand for 1 MB.
    package static let originBodyBase64 = 1_394_606
    package static let uriAndQuery = 8192
    /// Unit: doors of this process.
    package static let depth = 10
    /// The largest event answer taken from a function.
    package static let result = 6 << 20
}
