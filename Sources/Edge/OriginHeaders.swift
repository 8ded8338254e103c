import HTTP
import Model

/// What of a viewer's request reaches the origin.
enum OriginHeaders {
    static let contentFields = ["content-length", "transfer-encoding", "content-type", "expect"]
    static let conditional: Set<String> = [
        "if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range",
        "range",
    ]

    /// What the fields that CloudFront writes need beside the viewer's.
    ///
    /// Unit: bytes.
    private static let ownBytes = 384

    /// Fills the empty head that origin hooks see and the origin gets.
    static func fill(
        _ head: inout RequestHead,
        from viewer: RequestHead,
        address: String,
        via: String,
        plan: BehaviorPlan,
        domain: String,
        pending: Pending
    ) {
        let isUpgrade = self.isUpgrade(viewer.headers)
        head.method = viewer.method
        head.path = viewer.path
        if plan.isForCalls { head.version = .http2 }
        head.query = viewer.query.flatMap { query in
            filteredQuery(query) { plan.forwards(query: $0) }
        }
        head.headers.reserve(
            fields: viewer.headers.count + 6,
            bytes: viewer.headers.storedBytes + ownBytes
        )
        let keepsHost = plan.forwards(.host)
        head.headers.append(.host, keepsHost ? viewer.headers[.host] ?? "" : domain)
        let named = viewer.headers.connectionOptions()
        let rest = (isUpgrade: isUpgrade, takesConditions: pending.key.isEmpty, pending.isPartial)
        for index in 0..<viewer.headers.count
        where passes(viewer.headers, index, viewer.method, plan, rest, named) {
            head.headers.append(from: viewer.headers, at: index)
        }
        appendOwn(from: viewer.headers, plan, &head.headers)
        appendJoined(.xForwardedFor, viewer.headers, address, separator: ",", &head)
        appendJoined(.via, viewer.headers, via, separator: ", ", &head)
        if isUpgrade {
            head.headers.append(.connection, "Upgrade")
            head.headers.append(.upgrade, viewer.headers[.upgrade] ?? "websocket")
        }
    }

    /// Makes the request one that confirms a stored answer if it still holds (RFC 9110 §13.1).
    static func askWhetherChanged(_ stored: ResponseHead, _ headers: inout Headers) {
        if let tag = stored.headers[.etag] { headers.set(.ifNoneMatch, tag) }
        if let date = stored.headers[.lastModified] { headers.set(.ifModifiedSince, date) }
    }

    /// Puts a list that every proxy on the way adds to.
    private static func appendJoined(
        _ name: FieldName,
        _ earlier: Headers,
        _ own: String,
        separator: String,
        _ head: inout RequestHead
    ) {
        guard earlier.contains(name) else { return head.headers.append(name, own) }
        head.headers.append(name, (earlier.all(name) + [own]).joined(separator: separator))
    }

    /// Whether a header of the viewer goes to the origin as it is.
    private static func passes(
        _ headers: Headers,
        _ index: Int,
        _ method: String,
        _ plan: BehaviorPlan,
        _ request: (isUpgrade: Bool, takesConditions: Bool, isPartial: Bool),
        _ named: [String]
    ) -> Bool {
        let known = headers.fieldName(at: index)
        switch known {
        case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection,
            .te, .trailer, .upgrade, .expect, .xForwardedProto, .xRealIP, .host, .cookie,
            .userAgent, .xForwardedFor, .via, .acceptEncoding, .xAmzCfID, .xAmzCfPop:
            return false
        case .range, .ifRange: return request.takesConditions || request.isPartial
        case .ifNoneMatch, .ifModifiedSince, .ifMatch, .ifUnmodifiedSince:
            return request.takesConditions
        case .contentType, .contentEncoding, .contentLanguage, .contentLength, .transferEncoding:
            return true
        case .secWebSocketKey, .secWebSocketVersion, .secWebSocketProtocol,
            .secWebSocketExtensions, .secWebSocketAccept:
            if request.isUpgrade { return true }
        case .other:
            let name = headers.name(at: index).lowercased()
            if name.hasPrefix("x-edge-") || name.hasPrefix("x-amz-cf-") || named.contains(name) {
                return false
            }
            if plan.isForCalls, name.hasPrefix("grpc-") { return true }
            return plan.forwards(header: name) || legacyForwards(name, .other, method, plan)
        default: break
        }
        if !named.isEmpty, named.contains(headers.name(at: index).lowercased()) { return false }
        return plan.forwards(known) || legacyForwards("", known, method, plan)
    }

    /// Puts what CloudFront writes anew: agent, encodings and cookies.
    private static func appendOwn(
        from viewer: Headers,
        _ plan: BehaviorPlan,
        _ headers: inout Headers
    ) {
        if !plan.forwards(.userAgent) {
            headers.append(.userAgent, "Amazon CloudFront")
        } else if let value = viewer[.userAgent] {
            headers.append(.userAgent, value)
        }
        if let value = acceptEncoding(viewer, plan) {
            headers.append(.acceptEncoding, value)
        }
        if let value = filteredCookies(viewer, { plan.forwards(cookie: $0) }) {
            headers.append(.cookie, value)
        }
    }

    /// Whether the request asks to switch to WebSocket.
    static func isUpgrade(_ headers: Headers) -> Bool {
        headers.contains(.upgrade) && headers.hasToken("upgrade", in: "connection")
            && headers[.upgrade]?.lowercased() == "websocket"
    }

    /// What the older settings pass on without being told.
    ///
    /// Source: "Request and response behavior for custom origins".
    private static func legacyForwards(
        _ name: String,
        _ known: FieldName,
        _ method: String,
        _ plan: BehaviorPlan
    ) -> Bool {
        guard plan.policy.isLegacy else { return false }
        switch known {
        case .authorization: return method != "GET" && method != "HEAD" && !plan.caches(method)
        case .accept, .acceptCharset, .acceptLanguage, .referer, .xHTTPMethodOverride: return false
        default: return !name.hasPrefix("cloudfront-")
        }
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
        guard headers.contains(.cookie) else { return nil }
        var pairs: [(name: String, text: String)] = []
        for field in headers.all(.cookie) {
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
        guard headers.contains(.acceptEncoding) else { return nil }
        let policy = plan.policy
        if policy.acceptsGzip || policy.acceptsBrotli {
            return normalizedEncoding(headers, policy) ?? "identity"
        }
        if plan.forwards(.acceptEncoding) { return headers[.acceptEncoding] }
        return policy.isLegacy ? normalizedEncoding(headers, policy) : nil
    }

    /// `br,gzip`, `br`, `gzip` or nil, from what the viewer accepts and the policy supports.
    static func normalizedEncoding(_ headers: Headers, _ policy: CachePolicy) -> String? {
        var takesBrotli = false
        var takesGzip = false
        for index in headers.indices where headers.fieldName(at: index) == .acceptEncoding {
            headers.withValue(at: index) { value in
                for item in value.split(separator: UInt8(ascii: ",")) where !isRefused(item) {
                    if names(item, "br") { takesBrotli = true }
                    if names(item, "gzip") { takesGzip = true }
                }
            }
        }
        takesBrotli = takesBrotli && policy.acceptsBrotli
        takesGzip = takesGzip && (policy.acceptsGzip || policy.isLegacy)
        if takesBrotli { return takesGzip ? "br,gzip" : "br" }
        return takesGzip ? "gzip" : nil
    }

    /// Whether a list item names a coding, in any letter case and with whatever weight.
    private static func names(
        _ item: Slice<UnsafeBufferPointer<UInt8>>,
        _ coding: StaticString
    ) -> Bool {
        let name = item.drop { $0 == 0x20 || $0 == 0x09 }
            .prefix { $0 != 0x20 && $0 != 0x09 && $0 != UInt8(ascii: ";") }
        return name.count == coding.utf8CodeUnitCount
            && coding.withUTF8Buffer { wanted in
                zip(name, wanted).allSatisfy { Headers.lowered($0) == $1 }
            }
    }

    /// Whether the weight of a list item is zero (RFC 9110 §12.4.2).
    private static func isRefused(_ item: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        guard let equals = item.lastIndex(of: UInt8(ascii: "=")) else { return false }
        let weight = item[item.index(after: equals)...].filter { $0 != 0x20 && $0 != 0x09 }
        return !weight.isEmpty
            && weight.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
    }

    /// Removes what an origin's answer must not carry on.
    ///
    /// Source: "Request and response behavior for custom origins".
    static func cleanUp(_ head: inout ResponseHead, _ plan: BehaviorPlan) {
        if head.status == 101 { return }
        head.headers.removeHopByHop()
        head.headers.removeAll { (name: FieldName) in
            switch name {
            case .trailer, .via, .xCache, .xAmzCfPop, .xAmzCfID: true
            case .setCookie: !plan.forwardsCookies
            default: false
            }
        }
        reduceVary(&head, plan)
    }

    /// Keeps of `Vary` what can vary here: the names of headers that reach the origin.
    private static func reduceVary(_ head: inout ResponseHead, _ plan: BehaviorPlan) {
        guard head.headers.contains(.vary) else { return }
        let names = head.headers.all(.vary).flatMap { $0.split(separator: ",") }
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
