/// A field name that the proxy, the edge or a door asks for, as one byte.
///
/// A head is searched by comparing bytes instead of names. Names that are not listed are `other` and
/// compare by their spelling.
package enum FieldName: UInt8, Sendable, CaseIterable {
    case other
    case accept, acceptCharset, acceptEncoding, acceptLanguage, acceptRanges
    case accessControlAllowCredentials, accessControlAllowHeaders, accessControlAllowMethods
    case accessControlAllowOrigin, accessControlExposeHeaders, accessControlMaxAge
    case accessControlRequestHeaders, accessControlRequestMethod
    case age, allow, authorization, cacheControl, cdnLoop, connection
    case contentDisposition, contentEncoding, contentLanguage, contentLength, contentLocation
    case contentRange, contentSecurityPolicy, contentType, cookie, date, dnt, etag, expect, expires
    case forwarded, from, host, ifMatch, ifModifiedSince, ifNoneMatch, ifRange, ifUnmodifiedSince
    case keepAlive, lastModified, link, location, maxForwards, origin, permissionsPolicy, pragma
    case priority, proxyAuthenticate, proxyAuthorization, proxyConnection, range, referer
    case referrerPolicy, retryAfter, secCHUA, secCHUAMobile, secCHUAPlatform, secFetchDest
    case secFetchMode, secFetchSite, secFetchUser, secWebSocketAccept, secWebSocketExtensions
    case secWebSocketKey, secWebSocketProtocol, secWebSocketVersion, server, serverTiming
    case setCookie, strictTransportSecurity, te, trailer, transferEncoding, upgrade
    case upgradeInsecureRequests, userAgent, vary, via, warning, wwwAuthenticate
    case xAmzCfID, xAmzCfPop, xAmznErrorType, xAmznRequestID, xAmznTraceID, xCache
    case xContentTypeOptions, xForwardedFor, xForwardedHost, xForwardedPort, xForwardedProto
    case xFrameOptions, xHTTPMethodOverride, xPorticoEdge, xPorticoViewer, xRealIP, xRequestID,
        xRequestedWith
    case xXSSProtection

    /// The name as Portico writes it; empty for `other`.
    package var text: StaticString { Self.spellings[Int(rawValue)] }

    /// The number of a name in any letter case, `other` for one that is not listed.
    package static func find(_ start: UnsafePointer<UInt8>, _ count: Int) -> FieldName {
        guard count > 1, count <= longest else { return .other }
        return FieldNameTable.shared.slots.withUnsafeBufferPointer { slots in
            var slot = FieldNameTable.hash(start, count)
            while true {
                let (candidate, spelled) = slots[slot]
                if candidate == .other || isSpelled(start, count, spelled) { return candidate }
                slot = (slot + 1) & FieldNameTable.mask
            }
        }
    }

    /// Whether bytes are a listed name in any letter case, eight at a time.
    ///
    /// Listed names are letters and hyphens. Bit 5 tells the cases of a letter apart; a hyphen without it is
    /// a control character, which no input may hold.
    @inline(__always)
    private static func isSpelled(
        _ start: UnsafePointer<UInt8>,
        _ count: Int,
        _ name: StaticString
    ) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        let (left, right) = (UnsafeRawPointer(start), UnsafeRawPointer(name.utf8Start))
        guard count >= 8 else {
            for offset in 0..<count {
                let byte = start[offset]
                if byte < 0x20 || (byte ^ name.utf8Start[offset]) & ~0x20 != 0 { return false }
            }
            return true
        }
        var offset = 0
        while offset + 8 <= count {
            guard isSpelled(left + offset, right + offset) else { return false }
            offset += 8
        }
        // The last eight overlap those before them.
        return offset == count || isSpelled(left + (count - 8), right + (count - 8))
    }

    /// Whether eight bytes spell eight letters and hyphens in any letter case.
    @inline(__always)
    private static func isSpelled(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer) -> Bool {
        let word = left.loadUnaligned(as: UInt64.self)
        let controls = (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080
        let differs = (word ^ right.loadUnaligned(as: UInt64.self)) & ~0x2020_2020_2020_2020
        return controls | differs == 0
    }

    /// The number of a name in any letter case, `other` for one that is not listed.
    package static func find(_ name: String) -> FieldName {
        var name = name
        return name.withUTF8 { bytes in
            guard let base = bytes.baseAddress else { return .other }
            return find(base, bytes.count)
        }
    }

    /// The length of the longest listed name.
    private static let longest = 32

    /// The names in the order of the cases.
    private static let spellings: [StaticString] = [
        "", "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges",
        "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers", "Access-Control-Max-Age",
        "Access-Control-Request-Headers", "Access-Control-Request-Method", "Age", "Allow",
        "Authorization", "Cache-Control", "CDN-Loop", "Connection", "Content-Disposition",
        "Content-Encoding", "Content-Language", "Content-Length", "Content-Location",
        "Content-Range", "Content-Security-Policy", "Content-Type", "Cookie", "Date", "DNT",
        "ETag", "Expect", "Expires", "Forwarded", "From", "Host", "If-Match",
        "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Keep-Alive",
        "Last-Modified", "Link", "Location", "Max-Forwards", "Origin", "Permissions-Policy",
        "Pragma", "Priority", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
        "Range", "Referer", "Referrer-Policy", "Retry-After", "Sec-CH-UA", "Sec-CH-UA-Mobile",
        "Sec-CH-UA-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site",
        "Sec-Fetch-User", "Sec-WebSocket-Accept", "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Server",
        "Server-Timing", "Set-Cookie", "Strict-Transport-Security", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via",
        "Warning", "WWW-Authenticate", "X-Amz-Cf-Id", "X-Amz-Cf-Pop", "X-Amzn-ErrorType",
        "X-Amzn-RequestId", "X-Amzn-Trace-Id", "X-Cache", "X-Content-Type-Options",
        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto",
        "X-Frame-Options", "X-HTTP-Method-Override", "x-portico-edge", "x-portico-viewer",
        "X-Real-IP",
        "X-Request-Id", "X-Requested-With", "X-XSS-Protection",
    ]
}

/// The listed names by a hash of their length and three of their letters.
private struct FieldNameTable: Sendable {
    static let shared = FieldNameTable()
    static let mask = 511

    let slots: [(name: FieldName, spelled: StaticString)]

    private init() {
        var slots = [(name: FieldName, spelled: StaticString)](
            repeating: (.other, ""),
            count: Self.mask + 1
        )
        for name in FieldName.allCases where name != .other {
            var slot = Self.hash(name.text.utf8Start, name.text.utf8CodeUnitCount)
            while slots[slot].name != .other { slot = (slot + 1) & Self.mask }
            slots[slot] = (name, name.text)
        }
        self.slots = slots
    }

    /// A place for a name of at least two bytes.
    @inline(__always)
    static func hash(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let first = Int(start[0] | 0x20)
        let middle = Int(start[count / 2] | 0x20)
        let last = Int(start[count - 1] | 0x20)
        return (count &* 37 &+ first &* 7 &+ middle &* 19 &+ last &* 3) & mask
    }
}
