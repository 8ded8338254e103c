/// The fields of a head and what they say of framing and connection.
struct HeadFields {
    var entries: [Headers.Entry] = []
    private(set) var hostCount = 0
    private(set) var hasClose = false
    private(set) var hasKeepAlive = false
    private(set) var connectionUpgrade = false
    private(set) var hasUpgrade = false
    private(set) var expectsContinue = false
    private var length: Int?
    private var lengthCount = 0
    private var codingCount = 0
    private var isChunked = false

    /// Takes note of a field that matters for framing.
    mutating func note(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(H1Error)
    {
        switch name.count {
        case 4 where Self.equal(name, "host"):
            hostCount += 1
            guard !value.contains(where: { $0 == 47 || $0 == 44 || $0 == 64 || $0 <= 32 }) else {
                throw .malformed("Host")
            }
        case 6 where Self.equal(name, "expect"):
            expectsContinue = Self.equal(value, "100-continue")
        case 7 where Self.equal(name, "upgrade"):
            hasUpgrade = true
        case 10 where Self.equal(name, "connection"):
            noteConnection(value)
        case 14 where Self.equal(name, "content-length"):
            try noteLength(value)
        case 17 where Self.equal(name, "transfer-encoding"):
            codingCount += 1
            isChunked = Self.equal(value, "chunked")
        default: break
        }
    }

    private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
        for part in value.split(separator: 44) {
            let token = String(decoding: part, as: UTF8.self).trimmingASCIIWhitespace().lowercased()
            if token == "close" { hasClose = true }
            if token == "keep-alive" { hasKeepAlive = true }
            if token == "upgrade" { connectionUpgrade = true }
        }
    }

    private mutating func noteLength(_ value: UnsafeRawBufferPointer) throws(H1Error) {
        lengthCount += 1
        guard !value.isEmpty, value.count <= 18 else { throw .ambiguousLength("Content-Length") }
        var number = 0
        for byte in value {
            guard byte &- 48 < 10 else { throw .ambiguousLength("Content-Length") }
            number = number * 10 + Int(byte &- 48)
        }
        length = number
    }

    private func checkAmbiguity(version: HTTPVersion) throws(H1Error) {
        guard lengthCount <= 1 else { throw .ambiguousLength("several Content-Length fields") }
        guard codingCount <= 1 else { throw .ambiguousLength("several Transfer-Encoding fields") }
        guard codingCount == 0 || lengthCount == 0 else {
            throw .ambiguousLength("Content-Length beside Transfer-Encoding")
        }
        guard codingCount == 0 || version == .http11 else {
            throw .ambiguousLength("Transfer-Encoding in HTTP/1.0")
        }
        guard codingCount == 0 || isChunked else { throw .unsupportedCoding }
    }

    func requestFraming(version: HTTPVersion) throws(H1Error) -> BodyFraming {
        try checkAmbiguity(version: version)
        if isChunked { return .chunked }
        guard let length, length > 0 else { return .none }
        return .length(length)
    }

    /// RFC 9112 §6.3: HEAD, 1xx, 204 and 304 have no content, whatever their fields say.
    func responseFraming(
        status: Int,
        version: HTTPVersion,
        requestMethod: String
    ) throws(H1Error) -> BodyFraming {
        if requestMethod == "HEAD" || status < 200 || status == 204 || status == 304 {
            guard lengthCount <= 1 else { throw .ambiguousLength("several Content-Length fields") }
            return .none
        }
        try checkAmbiguity(version: version)
        if isChunked { return .chunked }
        guard let length else { return .untilClose }
        return length == 0 ? .none : .length(length)
    }

    /// Compares with lower-case ASCII text, in any letter case.
    static func equal(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { wanted in
            for index in 0..<wanted.count where Headers.lowered(bytes[index]) != wanted[index] {
                return false
            }
            return true
        }
    }
}
