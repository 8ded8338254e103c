import Model

/// What AWS leaves open, or what a local front door sees more generously, as settings.
package struct EdgeSettings: Sendable {
    /// Whether failures of origin hooks are stored as errors of the origin would be.
    ///
    /// Default: false, so that a repaired function answers at once.
    package var cachesFunctionErrors = false
    /// Whether functions may choose addresses, `localhost` and any port as origins.
    ///
    /// Default: true; AWS refuses them ("Lambda@Edge event structure").
    package var acceptsLocalOrigins = true
    /// Whether custom error pages stand for the XML errors of signed requests.
    ///
    /// Default: true.
    package var pagesForSignatureErrors = true

    /// Whether signed URLs and cookies are checked after a function at viewer-request instead of before it.
    ///
    /// Default: false, so that no function runs for who may not ask.
    package var signaturesAfterFunctions = false
    /// Whether functions at viewer-response also run for errors that a function at origin-request made or that
    /// are stored.
    ///
    /// Default: false, as for errors of origins ("Restrictions on all edge functions").
    package var viewerResponseOnErrors = false
    /// Whether a Lambda@Edge function at viewer-response may replace the body.
    ///
    /// Default: true.
    package var viewerResponseReplacesBody = true
    /// Whether compression at the edge adds `Vary: Accept-Encoding`.
    ///
    /// Default: true.
    package var compressionVaries = true
    /// The processor time after which a CloudFront Function is ended.
    ///
    /// Unit: seconds. Default: 0.01.
    package var functionTimeLimit = FunctionHost.timeLimit
    /// The cookie that keeps a viewer on its side of a continuous deployment.
    ///
    /// Default: `CloudFront-Continuous-Deployment`; AWS does not say how its own is called.
    package var stagingCookie = "CloudFront-Continuous-Deployment"

    /// The message of the XML error for a signature that does not allow the request.
    ///
    /// Default: `Access denied`; AWS documents the code alone.
    package var accessDeniedText = ViewerRule.accessDenied.text
    /// What `X-Cache` and the logs say of a CloudFront Function that is throttled.
    ///
    /// Default: `FunctionThrottledError`.
    package var throttledResult = FunctionRule.throttled.resultType
    /// Whether an answer that names one of several allowed origins adds `Vary: Origin`.
    ///
    /// Default: true; the object itself is stored without it.
    package var crossOriginVaries = true
    /// Whether the directives of `Strict-Transport-Security` are written in lower case.
    ///
    /// Default: false, as RFC 6797 §6.1 spells them; both mean the same.
    package var lowercasesTransportSecurity = false
    /// Whether a distribution with the reference and the settings of one that exists is refused.
    ///
    /// Default: false: the one that exists is the answer; the API's model speaks of other settings only.
    package var refusesEqualReference = false

    /// Whether results of functions that AWS would refuse are used as far as they can be sent.
    ///
    /// Default: false. Each such answer names the rules in a header, the timeline and the log.
    package var isLenient = false
    /// Whether the edges of a node share a second cache between them and the origins.
    ///
    /// Default: false, so that each edge's own cache can be watched.
    package var hasRegionalCache = false
    /// The header of an answer that AWS would have refused, with the ids of the rules.
    package static let lenientHeader = "x-portico-lenient"

    /// Makes the defaults.
    package init() {}
}
