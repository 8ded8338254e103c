/// What a distribution asks of a viewer's request, and what it says when an origin fails.
package enum ViewerRule: String, Sendable, CaseIterable {
    case disabled = "viewer.distribution.enabled"
    case urlTooLong = "viewer.url.length"
    case headTooLarge = "viewer.head.size"
    case chained = "viewer.distribution.chain"
    case https = "viewer.protocol.https"
    case method = "viewer.method"
    case contentOfGet = "viewer.method.content"
    case country = "viewer.country"
    case keyMissing = "viewer.signature.key-missing"
    case keyUnknown = "viewer.signature.key-unknown"
    case signatureMalformed = "viewer.signature.malformed"
    case policyMalformed = "viewer.signature.policy"
    case accessDenied = "viewer.signature.access"
    case bodyUnreadable = "viewer.body"
    case originName = "origin.name"
    case originConnect = "origin.connect"
    case originFailed = "origin.failed"
    case originTimeout = "origin.timeout"

    /// The title of the page of AWS's guide.
    package var title: String {
        switch self {
        case .disabled: "Distribution settings"
        case .urlTooLong, .headTooLarge, .chained: "Quotas"
        case .https: "Require HTTPS for communication between viewers and CloudFront"
        case .method: "HTTP 403 status code (Invalid method)"
        case .contentOfGet: "Request and response behavior for custom origins"
        case .country: "Restrict the geographic distribution of your content"
        case .keyMissing, .keyUnknown, .signatureMalformed, .policyMalformed, .accessDenied:
            "Serve private content with signed URLs and signed cookies"
        case .bodyUnreadable: "Request and response behavior for custom origins"
        case .originName, .originConnect, .originFailed: "HTTP 502 status code (Bad Gateway)"
        case .originTimeout: "HTTP 504 status code (Gateway Timeout)"
        }
    }

    /// The status that the viewer gets.
    package var status: Int {
        switch self {
        case .urlTooLong: 414
        case .headTooLarge: 494
        case .bodyUnreadable: 400
        case .originName, .originConnect, .originFailed: 502
        case .originTimeout: 504
        default: 403
        }
    }

    /// The reason sentence of the error page, or the message of the XML error.
    package var text: String {
        switch self {
        case .disabled, .urlTooLong, .headTooLarge, .chained, .https, .contentOfGet,
            .bodyUnreadable:
            "Bad request."
        case .method:
            "This distribution is not configured to allow the HTTP request method that was used for "
                + "this request."
        case .country:
            "The Amazon CloudFront distribution is configured to block access from your country."
        case .keyMissing: "Missing Key-Pair-Id query parameter or cookie value"
        case .keyUnknown: "Unknown Key"
        case .signatureMalformed: "Could not unencode Signature"
        case .policyMalformed: "Malformed Policy"
        case .accessDenied: "Access denied"
        case .originName: "CloudFront wasn't able to resolve the origin domain name."
        case .originConnect: "CloudFront wasn't able to connect to the origin."
        case .originFailed, .originTimeout:
            "CloudFront attempted to establish a connection with the origin, but either the attempt "
                + "failed or the origin closed the connection."
        }
    }

    /// The code of the XML error that signed requests get; nil for those with an HTML page.
    package var code: String? {
        switch self {
        case .keyMissing: "MissingKey"
        case .keyUnknown: "InvalidKey"
        case .signatureMalformed: "MalformedSignature"
        case .policyMalformed: "MalformedPolicy"
        case .accessDenied: "AccessDenied"
        default: nil
        }
    }

    /// A request that breaks the rule, or what leads to it.
    package var example: String {
        switch self {
        case .disabled: "any request to a distribution with Enabled: false"
        case .urlTooLong: "GET /aaa… with more than 8192 bytes"
        case .headTooLarge: "request line and headers of more than 32768 bytes"
        case .chained: "a distribution as the origin of an origin of a distribution"
        case .https: "GET http://… with ViewerProtocolPolicy: https-only"
        case .method: "POST with AllowedMethods: [GET, HEAD]"
        case .contentOfGet: "GET with a body"
        case .country: "a viewer from a country on the block list"
        case .keyMissing: "GET /private without Key-Pair-Id"
        case .keyUnknown: "GET /private?Key-Pair-Id=KUNKNOWN&…"
        case .signatureMalformed: "GET /private?Signature=!&…"
        case .policyMalformed: "GET /private?Expires=tomorrow&…"
        case .accessDenied: "GET /private?Expires=1&…"
        case .bodyUnreadable: "a body that ends early"
        case .originName: "an origin whose name does not resolve"
        case .originConnect: "an origin that refuses connections"
        case .originFailed: "an origin that closes before it answers"
        case .originTimeout: "an origin that is silent for longer than OriginReadTimeout"
        }
    }

    /// The entry of the catalogue.
    package var rule: Rule {
        Rule(id: rawValue, page: title, status: status, text: text, example: example)
    }
}
