package import HTTP
import JSON
package import Model

/// Reads results of hooks that are as plain as most are, in one pass and without making values.
///
/// Whatever is rare (an answer or a body by the function, an escape, an unusual letter case) and whatever breaks
/// a rule gives nil: `EdgeResults` reads it again and has the words for it. So a result that is taken here
/// means the same as there.
package enum QuickResult {
    /// The most header fields that are worth comparing pair by pair.
    private static let mostFields = 64

    /// What a viewer-request hook made of the request.
    package static func request(_ payload: Bytes, sent: EventRequest) -> RequestResult? {
        payload.withUnsafeBufferPointer { bytes in
            var walk = JSONWalk(bytes)
            var seen = Seen()
            var fields: [QuickField]?
            var (uri, query): (Range<Int>?, Range<Int>?) = (nil, nil)
            guard walk.enterObject() else { return nil }
            members: while true {
                let name: Member
                switch nextMember(&walk, bytes, &seen) {
                case .end: break members
                case .unclear: return nil
                case .member(let found): name = found
                }
                switch name {
                case .status, .statusCode, .statusDescription, .body: return nil
                case .headers:
                    fields = QuickFields.read(&walk, bytes, most: mostFields)
                    guard fields != nil else { return nil }
                case .method:
                    guard equals(sent.head.method, walk.string(), bytes) else { return nil }
                case .clientIp:
                    guard equals(sent.clientIP, walk.string(), bytes) else { return nil }
                case .uri:
                    uri = walk.string()
                    guard uri != nil else { return nil }
                case .querystring:
                    query = walk.string()
                    guard query != nil else { return nil }
                }
            }
            guard walk.isAtEnd(), let fields, let uri, let query else { return nil }
            guard let path = text(uri, bytes, old: sent.head.path, isPath: true),
                let newQuery = text(query, bytes, old: sent.querystring, isPath: false),
                uri.count + query.count < EdgeLimits.uriAndQuery
            else { return nil }
            let headers = QuickFields.apply(
                fields,
                bytes,
                to: sent.head.headers,
                event: .viewerRequest
            )
            guard let headers else { return nil }
            return RequestResult(
                path: path,
                querystring: newQuery == sent.querystring ? nil : newQuery,
                headers: headers,
                body: nil,
                origin: nil
            )
        }
    }

    /// What a response hook made of the response, when it left the body alone.
    package static func response(
        _ payload: Bytes,
        event: EdgeEvent,
        sent: ResponseHead
    ) -> ResponseResult? {
        payload.withUnsafeBufferPointer { bytes in
            var walk = JSONWalk(bytes)
            var seen = Seen()
            var fields: [QuickField]?
            guard walk.enterObject() else { return nil }
            members: while true {
                let name: Member
                switch nextMember(&walk, bytes, &seen) {
                case .end: break members
                case .unclear: return nil
                case .member(let found): name = found
                }
                switch name {
                case .body: return nil
                case .headers:
                    fields = QuickFields.read(&walk, bytes, most: mostFields)
                    guard fields != nil else { return nil }
                case .status:
                    guard equals(String(sent.status), walk.string(), bytes) else { return nil }
                case .statusDescription:
                    let old =
                        sent.reason.isEmpty ? StatusText.reason(for: sent.status) : sent.reason
                    guard equals(old, walk.string(), bytes) else { return nil }
                case .method, .clientIp, .uri, .querystring, .statusCode:
                    guard walk.skipValue() else { return nil }
                }
            }
            guard walk.isAtEnd(), let fields, seen.has(.status), seen.has(.statusDescription),
                let headers = QuickFields.apply(fields, bytes, to: sent.headers, event: event)
            else { return nil }
            var head = sent
            head.headers = headers
            if head.reason.isEmpty { head.reason = StatusText.reason(for: sent.status) }
            return ResponseResult(head: head, body: nil)
        }
    }

    /// The members that mean something.
    private enum Member: UInt8 {
        case status, statusCode, statusDescription, body, headers, method, clientIp, uri
        case querystring

        init?(_ bytes: UnsafeBufferPointer<UInt8>, _ key: Range<Int>) {
            func matches(_ name: StaticString) -> Bool { QuickField.equal(bytes, key, name) }
            switch key.count {
            case 3 where matches("uri"): self = .uri
            case 4 where matches("body"): self = .body
            case 6 where matches("method"): self = .method
            case 6 where matches("status"): self = .status
            case 7 where matches("headers"): self = .headers
            case 8 where matches("clientIp"): self = .clientIp
            case 10 where matches("statusCode"): self = .statusCode
            case 11 where matches("querystring"): self = .querystring
            case 17 where matches("statusDescription"): self = .statusDescription
            default: return nil
            }
        }
    }

    /// What comes next in the outer object.
    private enum Next {
        case member(Member)
        case end
        /// For the careful reader: not plain, or a member that was there already.
        case unclear
    }

    /// Goes on to the value of the next member that means something; others are skipped.
    private static func nextMember(
        _ walk: inout JSONWalk,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ seen: inout Seen
    ) -> Next {
        while true {
            let (step, key) = walk.nextKey()
            switch step {
            case .end: return .end
            case .unknown: return .unclear
            case .item: break
            }
            if let name = Member(bytes, key) {
                return seen.insert(name) ? .member(name) : .unclear
            }
            guard walk.skipValue() else { return .unclear }
        }
    }

    private struct Seen {
        private var members: UInt16 = 0

        func has(_ member: Member) -> Bool { members & 1 << UInt16(member.rawValue) != 0 }

        /// False for one that was there already: of equal keys the last counts, which is rare.
        mutating func insert(_ member: Member) -> Bool {
            defer { members |= 1 << UInt16(member.rawValue) }
            return !has(member)
        }
    }

    private static func equals(
        _ wanted: String,
        _ range: Range<Int>?,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let range, range.count == wanted.utf8.count else { return false }
        return wanted.utf8.elementsEqual(UnsafeBufferPointer(rebasing: bytes[range]))
    }

    /// A path or a query string, nil when it is not plain.
    private static func text(
        _ range: Range<Int>,
        _ bytes: UnsafeBufferPointer<UInt8>,
        old: String,
        isPath: Bool
    ) -> String? {
        for byte in UnsafeBufferPointer(rebasing: bytes[range]) {
            guard byte > 0x20, byte != 0x7F, byte != UInt8(ascii: "#") else { return nil }
            if isPath, byte == UInt8(ascii: "?") { return nil }
        }
        if equals(old, range, bytes) { return old }
        if isPath { guard bytes[range].first == UInt8(ascii: "/") else { return nil } }
        return String(decoding: bytes[range], as: UTF8.self)
    }
}
