/// What a request line says.
struct RequestLine: ~Copyable {
    var method = ""
    var path = ""
    var query: String?
    let version: HTTPVersion
    /// The host and port of an absolute-form target; replaces the Host field (RFC 9112 §3.2.2).
    var authority: String?
    var isConnect = false

    init(version: HTTPVersion) { self.version = version }

    /// Reads the eight bytes of a version; nil when they are none.
    @inline(__always)
    static func version(_ start: UnsafePointer<UInt8>) throws(H1Error) -> HTTPVersion? {
        let word = UnsafeRawPointer(start).loadUnaligned(as: UInt64.self)
        if word == UInt64(littleEndian: 0x312e_312f_5054_5448) { return .http11 }
        if word == UInt64(littleEndian: 0x302e_312f_5054_5448) { return .http10 }
        guard start[0] == UInt8(ascii: "H"), start[1] == UInt8(ascii: "T"),
            start[2] == UInt8(ascii: "T"), start[3] == UInt8(ascii: "P"),
            start[4] == UInt8(ascii: "/"), Grammar.isDigit(start[5]),
            start[6] == UInt8(ascii: "."), Grammar.isDigit(start[7])
        else { return nil }
        throw .unsupportedVersion
    }

    /// The method; common ones cost no allocation.
    static func method(_ start: UnsafePointer<UInt8>, _ count: Int) -> String {
        if count == 3, start[0] == UInt8(ascii: "G"), start[1] == UInt8(ascii: "E"),
            start[2] == UInt8(ascii: "T")
        {
            return "GET"
        }
        return Grammar.text(start, count)
    }

    /// Reads the target in the form that the method allows (RFC 9112 §3.2).
    mutating func readTarget(_ start: UnsafePointer<UInt8>, _ count: Int) throws(H1Error) {
        isConnect = method == "CONNECT"
        var bad: UInt8 = 0
        for offset in 0..<count {
            // Space, controls, DEL, anything beyond ASCII and the fragment's number sign.
            let byte = start[offset]
            bad |= byte &- 0x21 >= 0x5e ? 1 : 0
            bad |= byte == UInt8(ascii: "#") ? 1 : 0
        }
        if bad != 0 { throw .malformed("request target") }
        if isConnect {
            let bytes = UnsafeBufferPointer(start: start, count: count)
            guard start[0] != UInt8(ascii: ":"), Grammar.isAuthority(start, count),
                let last = bytes.last, Grammar.isDigit(last), bytes.contains(UInt8(ascii: ":"))
            else { throw .malformed("request target") }
            path = Grammar.text(start, count)
            return
        }
        if start[0] == UInt8(ascii: "/") {
            split(start, count)
            return
        }
        if start[0] == UInt8(ascii: "*"), count == 1 {
            guard method == "OPTIONS" else { throw .malformed("request target") }
            path = "*"
            return
        }
        try readAbsolute(start, count)
    }

    private mutating func readAbsolute(
        _ start: UnsafePointer<UInt8>,
        _ count: Int
    ) throws(H1Error) {
        let skip: Int
        if count > 7, Grammar.equal(start, 7, "http://") {
            skip = 7
        } else if count > 8, Grammar.equal(start, 8, "https://") {
            skip = 8
        } else {
            throw .malformed("request target")
        }
        var end = skip
        while end < count, start[end] != UInt8(ascii: "/"), start[end] != UInt8(ascii: "?") {
            end += 1
        }
        guard end > skip, start[skip] != UInt8(ascii: ":"),
            Grammar.isAuthority(start + skip, end - skip)
        else { throw .malformed("request target") }
        authority = Grammar.text(start + skip, end - skip)
        if end == count {
            path = method == "OPTIONS" ? "*" : "/"
        } else {
            split(start + end, count - end)
            if path.isEmpty { path = "/" }
        }
    }

    private mutating func split(_ start: UnsafePointer<UInt8>, _ count: Int) {
        var mark = 0
        while mark < count, start[mark] != UInt8(ascii: "?") { mark += 1 }
        path = Grammar.text(start, mark)
        if mark < count { query = Grammar.text(start + mark + 1, count - mark - 1) }
    }
}
