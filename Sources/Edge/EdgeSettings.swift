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
