import HTTP
import Model

/// What of a viewer's request reaches the origin.
enum OriginHeaders {
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
        "x-forwarded-proto", "x-real-ip", "host", "cookie", "user-agent", "x-forwarded-for", "via",
        "accept-encoding", "x-amz-cf-id", "content-length",
    ]
    private static let bodyFields: Set<String> = [
        "content-type", "content-encoding", "content-language",
    ]
    private static let legacyRemoved: Set<String> = [
        "accept", "accept-charset", "accept-language", "referer", "x-http-method-override",
    ]
    static let conditional: Set<String> = [
        "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range",
        "range",
    ]

    /// Builds the head that origin hooks see and the origin gets.
    static func build(
        from viewer: RequestHead,
        address: String,
        via: String,
        behavior: CacheBehavior,
        origin: Origin,
        isCacheable: Bool
    ) -> RequestHead {
        let policy = behavior.cachePolicy
        let isUpgrade = self.isUpgrade(viewer)
        var head = RequestHead(method: viewer.method, path: viewer.path)
        head.query = query(viewer.query, behavior)
        let keepsHost = takes("host", behavior, legacyDefault: false)
        head.headers.append("Host", keepsHost ? viewer.headers["host"] ?? "" : origin.domainName)
        for (name, value) in viewer.headers {
            let lowered = name.lowercased()
            let isHop =
                hopByHop.contains(lowered) || viewer.headers.hasToken(name, in: "connection")
            guard !isHop, !lowered.hasPrefix("x-edge-"), !lowered.hasPrefix("x-amz-cf-") else {
                continue
            }
            if conditional.contains(lowered) {
                if !isCacheable { head.headers.append(name, value) }
                continue
            }
            let always =
                bodyFields.contains(lowered) || isUpgrade && lowered.hasPrefix("sec-websocket-")
            guard
                always
                    || takes(
                        lowered,
                        behavior,
                        legacyDefault: legacyForwards(lowered, method: viewer.method, behavior)
                    )
            else { continue }
            head.headers.append(name, value)
        }
        let agent = takes("user-agent", behavior, legacyDefault: false)
        if !agent {
            head.headers.append("User-Agent", "Amazon CloudFront")
        } else if let value = viewer.headers["user-agent"] {
            head.headers.append("User-Agent", value)
        }
        if let value = acceptEncoding(viewer.headers, policy, behavior) {
            head.headers.append("Accept-Encoding", value)
        }
        if let value = cookies(viewer.headers, behavior) { head.headers.append("Cookie", value) }
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

    /// Whether the request asks to switch to WebSocket.
    static func isUpgrade(_ head: RequestHead) -> Bool {
        head.headers.hasToken("upgrade", in: "connection")
            && head.headers["upgrade"]?.lowercased() == "websocket"
    }

    /// Whether the origin gets every query string.
    static func takesAllQueries(_ behavior: CacheBehavior) -> Bool {
        behavior.cachePolicy.queryStrings == .all
            || behavior.originRequestPolicy?.queryStrings == .all
    }

    private static func takes(
        _ name: String,
        _ behavior: CacheBehavior,
        legacyDefault: Bool
    ) -> Bool {
        let policy = behavior.cachePolicy
        let chosen = union(policy.headers, behavior.originRequestPolicy?.headers ?? .none, name) {
            $0.lowercased() == $1
        }
        return chosen || policy.isLegacy && legacyDefault
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
        return !legacyRemoved.contains(name)
    }

    /// Whether a value is on either selection; two block lists both count.
    static func union(
        _ cache: Selection,
        _ extra: Selection,
        _ name: String,
        _ same: (String, String) -> Bool = { $0 == $1 }
    ) -> Bool {
        if case .allExcept(let left) = cache, case .allExcept(let right) = extra {
            return !(left + right).contains { same($0, name) }
        }
        return includes(cache, name, same) || includes(extra, name, same)
    }

    static func includes(
        _ selection: Selection,
        _ name: String,
        _ same: (String, String) -> Bool = { $0 == $1 }
    ) -> Bool {
        switch selection {
        case .none: false
        case .all: true
        case .only(let names): names.contains { same($0, name) }
        case .allExcept(let names): !names.contains { same($0, name) }
        }
    }

    private static func query(_ query: String?, _ behavior: CacheBehavior) -> String? {
        let extra = behavior.originRequestPolicy?.queryStrings ?? .none
        return filteredQuery(query) { union(behavior.cachePolicy.queryStrings, extra, $0) }
    }

    static func filteredQuery(_ query: String?, _ keep: (String) -> Bool) -> String? {
        guard let query, !query.isEmpty else { return nil }
        let parts = query.split(separator: "&", omittingEmptySubsequences: false)
            .filter { keep(String($0.prefix { $0 != "=" })) }
        return parts.isEmpty ? nil : parts.joined(separator: "&")
    }

    private static func cookies(_ headers: Headers, _ behavior: CacheBehavior) -> String? {
        let extra = behavior.originRequestPolicy?.cookies ?? .none
        return filteredCookies(headers) { union(behavior.cachePolicy.cookies, extra, $0) }
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

    private static func acceptEncoding(
        _ headers: Headers,
        _ policy: CachePolicy,
        _ behavior: CacheBehavior
    ) -> String? {
        guard let sent = headers["accept-encoding"] else { return nil }
        if policy.acceptsGzip || policy.acceptsBrotli {
            return normalizedEncoding(sent, policy) ?? "identity"
        }
        if takes("accept-encoding", behavior, legacyDefault: false) { return sent }
        guard policy.isLegacy else { return nil }
        var legacy = policy
        legacy.acceptsGzip = true
        return normalizedEncoding(sent, legacy)
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
        if policy.acceptsGzip, offered.contains("gzip") { names.append("gzip") }
        return names.isEmpty ? nil : names.joined(separator: ",")
    }
}
