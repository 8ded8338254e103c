import HTTP
import Model

/// What of a viewer's request reaches the origin.
enum OriginHeaders {
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "upgrade", "expect",
        "x-forwarded-proto", "x-real-ip", "host", "cookie", "user-agent", "x-forwarded-for", "via",
        "accept-encoding", "x-amz-cf-id",
    ]
    private static let bodyFields: Set<String> = [
        "content-type", "content-encoding", "content-language", "content-length",
        "transfer-encoding",
    ]
    private static let legacyRemoved: Set<String> = [
        "accept", "accept-charset", "accept-language", "referer", "x-http-method-override",
    ]
    static let contentFields = ["content-length", "transfer-encoding", "content-type", "expect"]
    static let conditional: Set<String> = [
        "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range",
        "range",
    ]

    /// Builds the head that origin hooks see and the origin gets.
    static func build(
        from viewer: RequestHead,
        address: String,
        via: String,
        plan: BehaviorPlan,
        origin: Origin,
        pending: Pending
    ) -> RequestHead {
        let isUpgrade = self.isUpgrade(viewer)
        var head = RequestHead(method: viewer.method, path: viewer.path)
        head.query = viewer.query.flatMap { query in
            filteredQuery(query) { plan.forwards(query: $0) }
        }
        let keepsHost = plan.forwards(header: "host")
        head.headers.append("Host", keepsHost ? viewer.headers["host"] ?? "" : origin.domainName)
        for index in viewer.headers.indices {
            let name = viewer.headers.name(at: index)
            let lowered = name.lowercased()
            guard !isHop(lowered, name, viewer.headers),
                passes(lowered, viewer.method, plan, pending, isUpgrade)
            else { continue }
            head.headers.append(from: viewer.headers, at: index)
        }
        appendOwn(from: viewer, plan, &head)
        let chain = viewer.headers.all("x-forwarded-for") + [address]
        head.headers.append("X-Forwarded-For", chain.joined(separator: ","))
        let vias = viewer.headers.all("via") + ["\(viewer.version.text) \(via)"]
        head.headers.append("Via", vias.joined(separator: ", "))
        if isUpgrade {
            head.headers.append("Connection", "Upgrade")
            head.headers.append("Upgrade", viewer.headers["upgrade"] ?? "websocket")
        }
        return head
    }

    private static func isHop(_ lowered: String, _ name: String, _ headers: Headers) -> Bool {
        hopByHop.contains(lowered) || headers.hasToken(name, in: "connection")
            || lowered.hasPrefix("x-edge-") || lowered.hasPrefix("x-amz-cf-")
    }

    /// Whether a header of the viewer goes to the origin.
    private static func passes(
        _ name: String,
        _ method: String,
        _ plan: BehaviorPlan,
        _ pending: Pending,
        _ isUpgrade: Bool
    ) -> Bool {
        if name == "range" || name == "if-range" { return pending.key.isEmpty || pending.isPartial }
        if conditional.contains(name) { return pending.key.isEmpty }
        return bodyFields.contains(name) || isUpgrade && name.hasPrefix("sec-websocket-")
            || plan.forwards(header: name)
            || plan.policy.isLegacy && legacyForwards(name, method: method, plan.behavior)
    }

    /// Puts what CloudFront writes anew: agent, encodings and cookies.
    private static func appendOwn(
        from viewer: RequestHead,
        _ plan: BehaviorPlan,
        _ head: inout RequestHead
    ) {
        if !plan.forwards(header: "user-agent") {
            head.headers.append("User-Agent", "Amazon CloudFront")
        } else if let value = viewer.headers["user-agent"] {
            head.headers.append("User-Agent", value)
        }
        if let value = acceptEncoding(viewer.headers, plan) {
            head.headers.append("Accept-Encoding", value)
        }
        if let value = filteredCookies(viewer.headers, { plan.forwards(cookie: $0) }) {
            head.headers.append("Cookie", value)
        }
    }

    /// Whether the request asks to switch to WebSocket.
    static func isUpgrade(_ head: RequestHead) -> Bool {
        head.headers.contains("upgrade") && head.headers.hasToken("upgrade", in: "connection")
            && head.headers["upgrade"]?.lowercased() == "websocket"
    }

    private static func legacyForwards(
        _ name: String,
        method: String,
        _ behavior: CacheBehavior
    ) -> Bool {
        if name == "authorization" {
            return !["GET", "HEAD"].contains(method)
                && !(method == "OPTIONS" && behavior.cachedMethods.contains("OPTIONS"))
        }
        return !legacyRemoved.contains(name) && !name.hasPrefix("cloudfront-")
    }

    /// The parameters that are kept, in their order; nil when none is.
    static func filteredQuery(_ query: String, _ keep: (String) -> Bool) -> String? {
        guard !query.isEmpty else { return nil }
        let parts = query.split(separator: "&", omittingEmptySubsequences: false)
            .filter { keep(String($0.prefix { $0 != "=" })) }
        return parts.isEmpty ? nil : parts.joined(separator: "&")
    }

    /// The cookies that are kept, sorted by name; fields that are not `n=v; n=v` are dropped.
    static func filteredCookies(_ headers: Headers, _ keep: (String) -> Bool) -> String? {
        var pairs: [(name: String, text: String)] = []
        for field in headers.all("cookie") {
            for part in field.split(separator: ";") {
                let text = String(part.trimmingASCIIWhitespace())
                guard let equals = text.firstIndex(of: "=") else { continue }
                let name = String(text[..<equals])
                guard !name.isEmpty, !name.hasPrefix("$"), keep(name) else { continue }
                pairs.append((name, text))
            }
        }
        guard !pairs.isEmpty else { return nil }
        let sorted = pairs.enumerated().sorted {
            ($0.element.name, $0.offset) < ($1.element.name, $1.offset)
        }
        return sorted.map(\.element.text).joined(separator: "; ")
    }

    private static func acceptEncoding(_ headers: Headers, _ plan: BehaviorPlan) -> String? {
        guard let sent = headers["accept-encoding"] else { return nil }
        let policy = plan.policy
        if policy.acceptsGzip || policy.acceptsBrotli {
            return normalizedEncoding(sent, policy) ?? "identity"
        }
        if plan.forwards(header: "accept-encoding") { return sent }
        return policy.isLegacy ? normalizedEncoding(sent, policy) : nil
    }

    /// `br,gzip`, `br`, `gzip` or nil, from what the viewer accepts and the policy supports.
    static func normalizedEncoding(_ sent: String, _ policy: CachePolicy) -> String? {
        var names: [String] = []
        let offered = sent.split(separator: ",").compactMap { part -> String? in
            let pieces = part.split(separator: ";").map {
                $0.trimmingASCIIWhitespace().lowercased()
            }
            if pieces.dropFirst().contains(where: { $0 == "q=0" || $0 == "q=0.0" }) { return nil }
            return pieces.first
        }
        if policy.acceptsBrotli, offered.contains("br") { names.append("br") }
        if policy.acceptsGzip || policy.isLegacy, offered.contains("gzip") { names.append("gzip") }
        return names.isEmpty ? nil : names.joined(separator: ",")
    }

    private static let removedFromAnswers: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "transfer-encoding", "via", "x-cache", "x-amz-cf-pop", "x-amz-cf-id",
    ]

    /// Removes what an origin's answer must not carry on.
    ///
    /// Source: "Request and response behavior for custom origins".
    static func cleanUp(_ head: inout ResponseHead, _ plan: BehaviorPlan) {
        if head.status == 101 { return }
        let named = head.headers.all("connection").flatMap { $0.split(separator: ",") }
            .map { $0.trimmingASCIIWhitespace().lowercased() }
        head.headers.removeAll { name in
            let lowered = name.lowercased()
            return removedFromAnswers.contains(lowered) || named.contains(lowered)
                || lowered == "set-cookie" && !plan.forwardsCookies
        }
        reduceVary(&head, plan)
    }

    /// Keeps of `Vary` what can vary here: the names of headers that reach the origin.
    private static func reduceVary(_ head: inout ResponseHead, _ plan: BehaviorPlan) {
        guard head.headers.contains("vary") else { return }
        let names = head.headers.all("vary").flatMap { $0.split(separator: ",") }
            .map { $0.trimmingASCIIWhitespace() }
        let kept = names.filter { name in
            switch name.lowercased() {
            case "accept-encoding", "cookie": true
            case "*": plan.policy.minTTL == 0
            case "user-agent" where plan.cloudFrontHeaders.contains { $0.contains("-Is-") }: true
            case let lowered: plan.forwards(header: lowered)
            }
        }
        guard kept.count < names.count else { return }
        if kept.isEmpty {
            head.headers.remove("vary")
        } else {
            head.headers.set("Vary", kept.joined(separator: ", "))
        }
    }
}
