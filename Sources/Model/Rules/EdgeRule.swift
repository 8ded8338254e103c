/// The rules of AWS that the edge enforces on functions, each with the page that states it.
package enum EdgeRule: String, Sendable, CaseIterable {
    case executionFailed = "edge.function.execution"
    case throttled = "edge.function.throttled"
    case resultNotObject = "edge.result.object"
    case readOnlyHeader = "edge.header.read-only"
    case disallowedHeader = "edge.header.disallowed"
    case headerEntryNotArray = "edge.header.entry"
    case headerValueNotText = "edge.header.value-type"
    case viewerCountry = "edge.header.viewer-country"
    case headersTooLarge = "edge.header.size"
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
        case .throttled, .responseTooLarge, .headersTooLarge: "Quotas"
        case .viewerCountry: "Restrictions on Lambda@Edge"
        case .readOnlyHeader, .disallowedHeader, .requestTooLong:
            "Restrictions on all edge functions"
        case .invalidBody: "Restrictions on Lambda@Edge"
        case .invalidStatus, .statusWithoutBody, .statusReadOnly:
            "Generate HTTP responses in request triggers"
        default: "Lambda@Edge event structure"
        }
    }

    /// A function's result that breaks the rule, or what leads to it.
    package var example: String {
        switch self {
        case .executionFailed: "throw new Error('x')"
        case .throttled: "more invocations at a time than the account's concurrency"
        case .resultNotObject: "return null"
        case .readOnlyHeader: "viewer-request: delete request.headers.host"
        case .disallowedHeader: "request.headers['x-cache'] = [{value: 'x'}]"
        case .headerEntryNotArray: "request.headers['x-a'] = 'x'"
        case .headerValueNotText: "request.headers['x-a'] = [{value: 1}]"
        case .viewerCountry:
            "viewer-request: request.headers['cloudfront-viewer-country'] = [{value: 'DE'}]"
        case .headersTooLarge: "request.headers['x-a'] = [{value: 'x'.repeat(40000)}]"
        case .invalidHeaderName: "request.headers['x a'] = [{value: 'x'}]"
        case .invalidHeaderValue: "request.headers['x-a'] = [{value: 'a\\nb'}]"
        case .readOnlyField: "request.method = 'PUT'"
        case .invalidURI: "request.uri = 'a'"
        case .invalidQueryString: "request.querystring = 'a b'"
        case .requestTooLong: "request.uri = '/' + 'a'.repeat(8192)"
        case .invalidBody: "request.body = 'x'"
        case .invalidBodyEncoding: "request.body = {action: 'replace', data: '%'}"
        case .invalidStatus: "return {status: 200}"
        case .statusWithoutBody: "return {status: '204', body: 'x'}"
        case .statusReadOnly: "viewer-response: response.status = '404'"
        case .responseTooLarge: "viewer-request: return {status: '200', body: 'x'.repeat(40961)}"
        case .invalidOrigin: "request.origin = {}"
        case .invalidOriginHeaders:
            "request.origin.custom.customHeaders = {cookie: [{value: 'x'}]}"
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
        case .headersTooLarge: failed + "The headers exceed the maximum size."
        case .disallowedHeader, .viewerCountry:
            failed + "The function tried to add a disallowed header."
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
