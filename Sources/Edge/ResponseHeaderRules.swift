import HTTP
import Model
import Telemetry

/// A response headers policy, prepared: what it takes out and what it puts in.
///
/// Source: "Understand response headers policies".
final class ResponseHeaderRules: Sendable {
    /// What the policy's headers may depend on.
    struct Context {
        var request: RequestHead
        var isTLS: Bool
        var result: String
        var pop: String
        var requestID: ExchangeID
        var settings: EdgeSettings
        var stages: Timeline
    }

    private let policy: ResponseHeadersPolicy
    private let cors: CrossOriginRules?
    private let removed: Set<String>

    init(_ policy: ResponseHeadersPolicy) {
        self.policy = policy
        cors = policy.cors.map { CrossOriginRules($0) }
        removed = Set(policy.removed.map { $0.lowercased() })
    }

    /// Takes out what the policy removes; this comes before everything that is added.
    func remove(_ headers: inout Headers) {
        guard !removed.isEmpty else { return }
        headers.removeAll { removed.contains($0.lowercased()) }
    }

    /// Puts in CORS, security and custom headers and `Server-Timing`, in this order.
    func add(_ headers: inout Headers, _ context: Context) {
        cors?.apply(&headers, context.request, varies: context.settings.crossOriginVaries)
        for field in policy.security {
            // The header means nothing over plain HTTP (RFC 6797 §7.2).
            guard field.name.lowercased() == "strict-transport-security" else {
                put(field, &headers)
                continue
            }
            guard context.isTLS else { continue }
            var spelled = field
            if context.settings.lowercasesTransportSecurity {
                spelled.value = spelled.value.lowercased()
            }
            put(spelled, &headers)
        }
        for field in policy.custom { put(field, &headers) }
        if let rate = policy.serverTimingRate { addTiming(rate, &headers, context) }
    }

    private func put(_ field: ResponseHeadersPolicy.Field, _ headers: inout Headers) {
        if !field.overridesOrigin, headers.contains(field.name) { return }
        headers.remove(field.name)
        headers.append(field.name, field.value)
    }

    private func addTiming(_ rate: Double, _ headers: inout Headers, _ context: Context) {
        let isHit = context.result == "Hit"
        // The origin's own measurements belong to the answer that it gave just now.
        if isHit { headers.remove("server-timing") }
        let isForced = context.request.headers.hasToken("server-timing", in: "pragma")
        guard isForced || rate > 0 && Double.random(in: 0..<100) < rate else { return }
        func milliseconds(_ stage: String) -> Int {
            let entries = context.stages.filter { $0.stage == stage }
            return entries.reduce(0) { $0 + $1.durationMicroseconds } / 1000
        }
        let place = "cdn-pop;desc=\"\(context.pop)\",cdn-rid;desc=\"\(context.requestID)\""
        let all = context.stages.reduce(0) { $0 + $1.durationMicroseconds } / 1000
        let last = "cdn-downstream-fbl;dur=\(all)"
        let own: String
        // Which cache had it, or was the last that had not.
        let cache = context.stages.first { $0.stage == "cache" }?.outcome ?? ""
        let layer =
            cache.hasPrefix("shield") ? "Origin Shield" : cache == "regional" ? "REC" : "EDGE"
        if isHit {
            own = "cdn-cache-hit,\(place),cdn-hit-layer;desc=\"\(layer)\",\(last)"
        } else {
            let word = context.result == "RefreshHit" ? "cdn-cache-refresh" : "cdn-cache-miss"
            own =
                "cdn-upstream-layer;desc=\"\(layer)\",cdn-upstream-dns;dur=0,cdn-upstream-connect;dur=0,"
                + "cdn-upstream-fbl;dur=\(milliseconds("origin")),\(word),\(place),\(last)"
        }
        let others = headers.all("server-timing")
        headers.set("Server-Timing", (others + [own]).joined(separator: ","))
    }
}

/// The CORS part of a response headers policy.
struct CrossOriginRules: Sendable {
    private static let names = [
        "access-control-allow-origin", "access-control-allow-headers",
        "access-control-allow-methods", "access-control-allow-credentials",
        "access-control-expose-headers", "access-control-max-age",
    ]
    private static let allMethods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]

    private let settings: ResponseHeadersPolicy.CORS

    init(_ settings: ResponseHeadersPolicy.CORS) { self.settings = settings }

    func apply(_ headers: inout Headers, _ request: RequestHead, varies: Bool) {
        guard let origin = request.headers["origin"] else { return }
        if !settings.overridesOrigin, Self.names.contains(where: { headers.contains($0) }) {
            return
        }
        guard settings.allowOrigins.contains(where: { Self.matches($0, origin: origin) }) else {
            if settings.overridesOrigin { for name in Self.names { headers.remove(name) } }
            return
        }
        for name in Self.names { headers.remove(name) }
        if settings.allowOrigins == ["*"] {
            headers.append("Access-Control-Allow-Origin", "*")
        } else {
            headers.append("Access-Control-Allow-Origin", origin)
            if varies, !headers.hasToken("origin", in: "vary") {
                let others = headers.all("vary")
                headers.set("Vary", (others + ["Origin"]).joined(separator: ", "))
            }
        }
        if settings.allowCredentials {
            headers.append("Access-Control-Allow-Credentials", "true")
        }
        let isPreflight =
            request.method == "OPTIONS"
            && request.headers.contains("access-control-request-method")
        if isPreflight {
            addPreflight(&headers)
        } else if !settings.exposeHeaders.isEmpty {
            headers.append(
                "Access-Control-Expose-Headers",
                settings.exposeHeaders.joined(separator: ", ")
            )
        }
    }

    private func addPreflight(_ headers: inout Headers) {
        let methods = settings.allowMethods == ["ALL"] ? Self.allMethods : settings.allowMethods
        if !methods.isEmpty {
            headers.append("Access-Control-Allow-Methods", methods.joined(separator: ", "))
        }
        if !settings.allowHeaders.isEmpty {
            headers.append(
                "Access-Control-Allow-Headers",
                settings.allowHeaders.joined(separator: ", ")
            )
        }
        if let age = settings.maxAge { headers.append("Access-Control-Max-Age", String(age)) }
    }

    /// Whether an entry of the list allows an origin.
    ///
    /// `*` stands for the leftmost labels or within the port; without a scheme any scheme and port match,
    /// unless the entry names neither a wildcard nor a port.
    static func matches(_ entry: String, origin: String) -> Bool {
        if entry == "*" { return true }
        guard let asked = Parts(origin), let wanted = Parts(entry) else { return false }
        if let scheme = wanted.scheme, scheme != asked.scheme { return false }
        let host = wanted.host
        let isWild = host.hasPrefix("*.")
        if isWild {
            guard asked.host.hasSuffix(host.dropFirst()), asked.host.count > host.count - 1 else {
                return false
            }
        } else if host != asked.host {
            return false
        }
        guard let port = wanted.port else {
            return asked.port == nil || wanted.scheme == nil && isWild
        }
        guard let askedPort = asked.port else { return false }
        return PathPattern.wildcard(port.utf8, askedPort.utf8)
    }

    private struct Parts {
        var scheme: String?
        var host: String
        var port: String?

        init?(_ text: String) {
            var rest = Substring(text.lowercased())
            if let mark = rest.firstRange(of: "://") {
                scheme = String(rest[..<mark.lowerBound])
                rest = rest[mark.upperBound...]
            }
            if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
                port = String(rest[rest.index(after: colon)...])
                rest = rest[..<colon]
            }
            guard !rest.isEmpty else { return nil }
            host = String(rest)
        }
    }
}
