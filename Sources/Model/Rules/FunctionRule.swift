/// The rules that the edge enforces on CloudFront Functions, each with the page that states it.
package enum FunctionRule: String, Sendable, CaseIterable {
    case executionFailed = "function.execution"
    case tooSlow = "function.time"
    case tooMuchMemory = "function.memory"
    case throttled = "function.throttled"
    case resultNotObject = "function.result.object"
    case invalidHeaders = "function.headers"
    case headerCase = "function.header.case"
    case headerValue = "function.header.value"
    case readOnlyHeader = "function.header.read-only"
    case disallowedHeader = "function.header.disallowed"
    case readOnlyMethod = "function.request.method"
    case invalidURI = "function.request.uri"
    case invalidQueryString = "function.request.querystring"
    case requestTooLong = "function.request.length"
    case invalidCookies = "function.cookies"
    case invalidStatus = "function.response.status"
    case invalidBody = "function.response.body"
    case invalidOrigin = "function.origin"

    /// The title of the page of AWS's guide.
    package var title: String {
        switch self {
        case .executionFailed, .tooSlow: "Test functions"
        case .throttled, .tooMuchMemory: "Quotas on CloudFront Functions"
        case .readOnlyHeader, .disallowedHeader, .requestTooLong:
            "Restrictions on all edge functions"
        case .invalidOrigin: "Helper methods for origin modification"
        default: "CloudFront Functions event structure"
        }
    }

    /// A function's code that breaks the rule.
    package var example: String {
        switch self {
        case .executionFailed: "throw new Error('x')"
        case .tooSlow: "for (;;) {}"
        case .tooMuchMemory: "held.push('x'.repeat(100000)) at each request"
        case .throttled: "for (;;) {}, asked again and again"
        case .resultNotObject: "return undefined"
        case .invalidHeaders: "request.headers['x-a'] = 'x'"
        case .headerCase: "request.headers['X-A'] = {value: 'x'}"
        case .headerValue: "request.headers['x-a'] = {value: 'a\\nb'}"
        case .readOnlyHeader: "request.headers.host = {value: 'other.example'}"
        case .disallowedHeader: "request.headers['x-cache'] = {value: 'x'}"
        case .readOnlyMethod: "request.method = 'PUT'"
        case .invalidURI: "request.uri = 'a'"
        case .invalidQueryString: "request.querystring = 'a b'"
        case .requestTooLong: "request.uri = '/' + 'a'.repeat(8192)"
        case .invalidCookies: "request.cookies.a = 'x'"
        case .invalidStatus: "return {statusCode: '200'}"
        case .invalidBody: "return {statusCode: 200, body: {encoding: 'base64', data: '%'}}"
        case .invalidOrigin: "cf.updateRequestOrigin({domainName: '10.0.0.1'})"
        }
    }

    /// The status that the viewer gets.
    package var status: Int {
        switch self {
        case .executionFailed, .tooSlow, .tooMuchMemory, .throttled: 503
        default: 502
        }
    }

    /// What `X-Cache` says before `from cloudfront`, also the result type.
    package var resultType: String {
        switch self {
        case .executionFailed, .tooSlow, .tooMuchMemory: "FunctionExecutionError"
        case .throttled: "FunctionThrottledError"
        default: "FunctionValidationError"
        }
    }

    /// The reason sentence of the error page.
    package var text: String {
        let invalid = "The CloudFront function returned an invalid value"
        return switch self {
        case .executionFailed, .tooSlow, .tooMuchMemory:
            "The CloudFront function associated with the CloudFront distribution is invalid or could "
                + "not run."
        case .throttled:
            "The CloudFront function associated with the CloudFront distribution was throttled."
        case .resultNotObject: invalid + ": it must return a request or response object."
        case .invalidHeaders: invalid + ": headers must be objects with a value."
        case .headerCase: invalid + ": headers must have header names in lower case."
        case .headerValue: invalid + ": a header's value is not allowed in HTTP."
        case .readOnlyHeader: invalid + ": it tried to add, delete, or change a read-only header."
        case .disallowedHeader: invalid + ": it tried to add a disallowed header."
        case .readOnlyMethod: invalid + ": request.method is read-only."
        case .invalidURI: invalid + ": request.uri must be a string that starts with '/'."
        case .invalidQueryString:
            invalid + ": request.querystring must be an object or a query string."
        case .requestTooLong: invalid + ": the URI and the query string exceed the maximum length."
        case .invalidCookies: invalid + ": cookies must be objects with a value."
        case .invalidStatus: invalid + ": response.statusCode must be a number from 200 to 599."
        case .invalidBody: invalid + ": response.body is not valid in its encoding."
        case .invalidOrigin: invalid + " for origin rewrite."
        }
    }

    /// The entry of the catalogue.
    package var rule: Rule {
        Rule(id: rawValue, page: title, status: status, text: text, example: example)
    }
}
