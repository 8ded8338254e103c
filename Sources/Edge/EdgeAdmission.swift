import DataPlane
import HTTP
import Model
import Telemetry

extension EdgePipeline {
    /// The checks before any function, in CloudFront's order; the behaviour is chosen on the way.
    func admit(_ exchange: inout Exchange, _ passage: inout Passage) throws(Stop) {
        let id = passage.requestID
        guard distribution.isEnabled else { throw .refusal(.disabled, requestID: id) }
        try checkSize(exchange.request, id)
        if let known = try facts(&exchange, id) { passage.facts = known }
        if distribution.viewerAuthentication != nil {
            passage.facts.certificate = ViewerCertificate(of: exchange.viewer)
        }
        if !passage.isErrorPage,
            !distribution.geoRestriction.admits(country: passage.facts.country)
        {
            throw .refusal(.country, requestID: id)
        }
        let path = PathPattern.normalized(exchange.request.path)
        if let plan = plans.first(where: { $0.pattern.matches(path) }) { passage.plan = plan }
        if passage.isErrorPage { return }
        if let plan = passage.plan.planOfCall(exchange.request) { passage.plan = plan }
        let behavior = passage.plan.behavior
        if !exchange.viewer.isTLS {
            if passage.plan.isForCalls { throw .refusal(.https, requestID: id) }
            try checkProtocol(behavior.viewerProtocolPolicy, exchange.request, id)
        }
        let method = exchange.request.method
        guard behavior.allowedMethods.contains(method) else {
            let more =
                behavior.allowedMethods.contains("POST")
                ? "" : " The distribution supports only cachable requests."
            throw .refusal(.method, requestID: id, more: more)
        }
        if method == "GET", hasContent(exchange.body) {
            throw .refusal(.contentOfGet, requestID: id)
        }
        if !settings.signaturesAfterFunctions { try checkSignature(&exchange, passage) }
    }

    private func checkSize(_ head: RequestHead, _ id: ExchangeID) throws(Stop) {
        let target = head.path.utf8.count + (head.query.map { $0.utf8.count + 1 } ?? 0)
        guard target <= EdgeLimits.uriAndQuery else {
            throw .refusal(.urlTooLong, requestID: id)
        }
        guard target + head.headers.byteCount <= EdgeLimits.head else {
            throw .refusal(.headTooLarge, requestID: id)
        }
        guard head.headers.contains(.via) else { return }
        let hops = head.headers.all("via").joined(separator: ",").split(separator: ",")
        if hops.filter({ $0.hasSuffix(".cloudfront.net (CloudFront)") }).count
            >= EdgeLimits.chainedDistributions
        {
            throw .refusal(.chained, requestID: id)
        }
    }

    /// Refuses a request that is not signed where that is asked for, and takes the signature off.
    func checkSignature(_ exchange: inout Exchange, _ passage: Passage) throws(Stop) {
        guard let signatures = passage.plan.signatures else { return }
        let asked = SignedRequests.Asked(
            head: exchange.request,
            isTLS: exchange.viewer.isTLS,
            address: exchange.viewer.address,
            now: clock()
        )
        if let rule = signatures.check(asked) {
            throw .refusal(
                rule,
                requestID: passage.requestID,
                text: rule == .accessDenied ? settings.accessDeniedText : nil,
                mayHavePage: settings.pagesForSignatureErrors
            )
        }
        exchange.request.query = SignedRequests.withoutParameters(exchange.request.query)
    }

    func hasContent(_ body: borrowing Body) -> Bool {
        switch copy body {
        case .empty, .upgrade: false
        case .bytes(let bytes): !bytes.isEmpty
        case .stream(_, let length): length != 0
        }
    }

    private func checkProtocol(
        _ policy: CacheBehavior.ViewerProtocolPolicy,
        _ head: RequestHead,
        _ id: ExchangeID
    ) throws(Stop) {
        switch policy {
        case .allowAll: return
        case .httpsOnly: throw .refusal(.https, requestID: id)
        case .redirectToHTTPS:
            let isRead = head.method == "GET" || head.method == "HEAD"
            if !isRead, head.version == .http10 { throw .refusal(.https, requestID: id) }
            let host = head.host.contains(":") ? "[\(head.host)]" : head.host
            let port = edge.httpsPort == 443 ? "" : ":\(edge.httpsPort)"
            throw .redirect(isRead ? 301 : 307, to: "https://\(host)\(port)\(head.target)")
        }
    }

    /// Puts the default root object for the path that is exactly `/`.
    func applyDefaultRootObject(_ exchange: inout Exchange) {
        guard !distribution.defaultRootObject.isEmpty, exchange.request.path == "/" else { return }
        exchange.request.path = "/" + distribution.defaultRootObject
    }
}
