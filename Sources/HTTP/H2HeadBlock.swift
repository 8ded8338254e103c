import Glibc

/// Collects the fields of one head or of trailers as the decoder gives them out.
///
/// libnghttp2 has checked names, values, order of pseudo-header fields and connection-specific fields.
struct H2HeadBlock {
    /// What became of a request's head.
    enum Outcome {
        case request(H2Request)
        case refused(status: Int)
        /// Not HTTP: the stream is reset (RFC 9113 §8.1.1).
        case malformed
    }

    private var limits: HeadLimits
    private var method = ""
    private var scheme = ""
    private var tunnelProtocol: String?
    private var target: Bytes?
    private var headers = Headers()
    private var authority: Headers.Entry?
    private var host: Headers.Entry?
    private var cookieCount = 0
    private var contentLength: Int?
    private var expectsContinue = false
    /// The three digits of a response; 0 until they came.
    private(set) var status = 0
    /// What all fields would take in an HTTP/1 head, in bytes.
    private(set) var size = 0
    private var isTooLarge = false

    init(limits: HeadLimits) { self.limits = limits }

    /// Forgets everything, for the next head.
    mutating func start() {
        method = ""
        scheme = ""
        tunnelProtocol = nil
        target = nil
        headers = Headers()
        authority = nil
        host = nil
        cookieCount = 0
        contentLength = nil
        expectsContinue = false
        status = 0
        size = 0
        isTooLarge = false
    }

    mutating func add(
        _ name: UnsafePointer<UInt8>,
        _ nameCount: Int,
        _ value: UnsafePointer<UInt8>,
        _ count: Int
    ) {
        size += nameCount + count + 4
        if size > limits.bytes + limits.target || headers.count >= limits.fields {
            isTooLarge = true
            return
        }
        if nameCount > 0, name[0] == UInt8(ascii: ":") {
            addPseudo(name, nameCount, value, count)
            return
        }
        let known = FieldName.find(name, nameCount)
        append(known, name, nameCount, value, count)
        switch known {
        case .host: host = headers.takeLast()
        case .cookie: cookieCount += 1
        case .expect: expectsContinue = Grammar.equal(value, count, "100-continue")
        case .contentLength: contentLength = Self.number(value, count)
        default: break
        }
    }

    private mutating func addPseudo(
        _ name: UnsafePointer<UInt8>,
        _ nameCount: Int,
        _ value: UnsafePointer<UInt8>,
        _ count: Int
    ) {
        switch nameCount {
        case 5: target = [UInt8](UnsafeBufferPointer(start: value, count: count))[...]
        case 7 where name[1] == UInt8(ascii: "m"):
            method = RequestLine.method(value, count)
        case 7 where name[2] == UInt8(ascii: "c"): scheme = Grammar.text(value, count)
        case 7:
            for offset in 0..<count { status = status * 10 + Int(value[offset] &- 0x30) }
        case 9: tunnelProtocol = Grammar.text(value, count)
        case 10:
            let host: StaticString = "host"
            append(.host, host.utf8Start, host.utf8CodeUnitCount, value, count)
            authority = headers.takeLast()
        default: break
        }
    }

    /// Adds a field as HTTP/1 would write it, so that it goes on to an origin as it lies.
    @inline(__always)
    private mutating func append(
        _ known: FieldName,
        _ name: UnsafePointer<UInt8>,
        _ nameCount: Int,
        _ value: UnsafePointer<UInt8>,
        _ count: Int
    ) {
        headers.append(
            known,
            spelled: UnsafeBufferPointer(start: name, count: nameCount),
            UnsafeBufferPointer(start: value, count: count),
            isClean: true
        )
    }

    private static func number(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        guard count > 0, count <= 18 else { return nil }
        var result = 0
        for offset in 0..<count {
            guard Grammar.isDigit(start[offset]) else { return nil }
            result = result * 10 + Int(start[offset] &- 0x30)
        }
        return result
    }
}

// MARK: - The finished head

extension H2HeadBlock {
    /// The request that the fields make.
    mutating func request(ends: Bool) -> Outcome {
        guard !isTooLarge else { return .refused(status: 494) }
        guard let name = authority ?? host else { return .refused(status: 400) }
        if let authority, let host, !isSame(authority, host) { return .malformed }
        guard isAuthority(name), method.utf8.count <= 32 else { return .refused(status: 400) }
        let isConnect = method == "CONNECT" && tunnelProtocol == nil
        // RFC 8441 §4; a protocol other than WebSocket is not implemented (RFC 9220 §3).
        if let tunnelProtocol, tunnelProtocol != "websocket" { return .refused(status: 501) }
        guard isConnect || scheme == "https" || scheme == "http" else {
            return .refused(status: 400)
        }
        var line = RequestLine(version: .http2)
        line.method = tunnelProtocol == nil ? method : "GET"
        do throws(H1Error) {
            try readTarget(into: &line, isConnect: isConnect, name)
        } catch {
            return .refused(status: error.status)
        }
        headers.prepend(name)
        var head = RequestHead(
            method: line.method,
            path: line.path,
            query: line.query,
            version: line.version,
            headers: takeHeaders()
        )
        if cookieCount > 1 { Self.joinCookies(&head.headers) }
        if tunnelProtocol != nil { H2WebSocket.makeUpgrade(&head) }
        return .request(
            H2Request(
                head: head,
                contentLength: contentLength,
                ends: ends,
                expectsContinue: expectsContinue && !ends,
                isTunnel: tunnelProtocol != nil
            )
        )
    }

    /// The response that the fields make, or nil when the head outgrew the limits.
    mutating func response() -> (head: ResponseHead, contentLength: Int?)? {
        guard !isTooLarge, status >= 100, status <= 599 else { return nil }
        let head = ResponseHead(status: status, version: .http2, headers: takeHeaders())
        return (head, contentLength)
    }

    /// The trailers that the fields make; none when they outgrew the limits.
    mutating func trailers() -> Headers { isTooLarge ? Headers() : takeHeaders() }

    /// Gives the fields away, so that nobody shares them with the message they belong to.
    private mutating func takeHeaders() -> Headers {
        let taken = headers
        headers = Headers()
        return taken
    }

    private func readTarget(
        into line: inout RequestLine,
        isConnect: Bool,
        _ name: Headers.Entry
    ) throws(H1Error) {
        let target = isConnect ? headers.withValue(of: name) { Array($0)[...] } : self.target
        guard let target, !target.isEmpty else { throw .malformed("request target") }
        if target.count > limits.target { throw .targetTooLong }
        // Origin form or the asterisk only: a scheme here would name the authority a second time.
        guard isConnect || target.first == UInt8(ascii: "/") || target.elementsEqual([42]) else {
            throw .malformed("request target")
        }
        let failure: H1Error? = target.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return nil }
            do throws(H1Error) {
                try line.readTarget(base, bytes.count)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// RFC 9113 §8.3.1: `Host` must not name another authority.
    private func isSame(_ left: Headers.Entry, _ right: Headers.Entry) -> Bool {
        headers.withValue(of: left) { one in
            headers.withValue(of: right) { other in
                one.count == other.count
                    && zip(one, other).allSatisfy { Headers.lowered($0) == Headers.lowered($1) }
            }
        }
    }

    private func isAuthority(_ name: Headers.Entry) -> Bool {
        headers.withValue(of: name) { bytes in
            guard let base = bytes.baseAddress else { return false }
            return Grammar.isAuthority(base, bytes.count)
        }
    }

    /// RFC 9113 §8.2.3: cookie crumbs become one field, joined by a semicolon and a space.
    private static func joinCookies(_ headers: inout Headers) {
        let joined = headers.all(.cookie).joined(separator: "; ")
        headers.set("cookie", joined)
    }
}
