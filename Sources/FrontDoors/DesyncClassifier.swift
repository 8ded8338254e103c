import HTTP

/// How far a request strays from what all servers read alike.
///
/// The tiers, reasons and their order are those of the http-desync-guardian project, which AWS page
/// "Application Load Balancers" (desync mitigation mode) refers to.
struct DesyncClassifier {
    enum Tier: Int, Sendable, Comparable {
        case compliant, acceptable, ambiguous, severe

        static func < (left: Tier, right: Tier) -> Bool { left.rawValue < right.rawValue }

        /// As access logs show it.
        var text: String {
            switch self {
            case .compliant: "Compliant"
            case .acceptable: "Acceptable"
            case .ambiguous: "Ambiguous"
            case .severe: "Severe"
            }
        }
    }

    /// The highest tier that was found and the first reason for it.
    struct Verdict: Sendable, Equatable {
        var tier = Tier.compliant
        var reason: String?
    }

    /// A request as it came, before any of it is understood.
    struct Raw: Sendable {
        var method: [UInt8]
        var uri: [UInt8]
        var version: [UInt8]
        var fields: [(name: [UInt8], value: [UInt8])]
    }

    private var verdict = Verdict()
    private var encodings: [[UInt8]] = []
    private var lengths: [[UInt8]] = []

    private init() {}

    /// The verdict on a head that the parser has let pass.
    static func classify(_ head: RequestHead) -> Verdict {
        if head.version == .http2 { return Verdict() }
        // The parser lets only tokens and clean values pass, so that fields matter by their names
        // alone; most heads have none that could be taken for a framing field.
        let headers = head.headers
        let fields = headers.indices.filter { headers.withName(at: $0, isFraming) }
        return classify(
            Raw(
                method: Array(head.method.utf8),
                uri: Array(head.target.utf8),
                version: Array("HTTP/\(head.version.text)".utf8),
                fields: fields.map { index in
                    (
                        headers.withName(at: index) { Array($0) },
                        headers.withValue(at: index) { Array($0) }
                    )
                }
            )
        )
    }

    /// Whether a name is long enough for a framing field and its first letter is c or t.
    private static func isFraming(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name.count >= 14 else { return false }
        for byte in name {
            let lowered = byte | 0x20
            if lowered &- 97 < 26 || byte &- 48 < 10 {
                return lowered == UInt8(ascii: "c") || lowered == UInt8(ascii: "t")
            }
        }
        return false
    }

    /// The verdict on a request as it came.
    static func classify(_ request: Raw) -> Verdict {
        var classifier = DesyncClassifier()
        return classifier.run(request)
    }

    private mutating func upgrade(_ tier: Tier, _ reason: String) {
        if tier > verdict.tier { verdict = Verdict(tier: tier, reason: reason) }
    }

    private mutating func run(_ request: Raw) -> Verdict {
        var version = Self.trimmed(request.version)
        if version.isEmpty { version = Array("HTTP/0.9".utf8) }
        if version.starts(with: Array("HTTP/".utf8)), let digit = version.dropFirst(5).first,
            digit >= UInt8(ascii: "2"), digit <= UInt8(ascii: "9")
        {
            return Verdict()
        }
        for field in request.fields { check(field.name, field.value) }
        let number = Self.number(of: version)
        if !encodings.isEmpty, number <= 10 {
            upgrade(.ambiguous, "UndefinedTransferEncodingSemantics")
        } else if !lengths.isEmpty, number < 10 {
            upgrade(.ambiguous, "UndefinedContentLengthSemantics")
        } else {
            checkFraming(request.method)
        }
        if request.method.isEmpty || !request.method.allSatisfy(Self.isToken) {
            upgrade(.severe, "BadMethod")
        }
        check(version: request.version, version)
        check(uri: request.uri)
        return verdict
    }

    private mutating func check(_ name: [UInt8], _ value: [UInt8]) {
        let isBad = (name + value).contains { $0 == 0 || $0 == 10 || $0 == 13 }
        if isBad {
            upgrade(.severe, "BadHeader")
        } else if !name.allSatisfy(Self.isToken) || !value.allSatisfy(Self.isValueByte) {
            upgrade(.acceptable, "NonCompliantHeader")
        }
        let bare = Self.trimmed(name)
        if bare.isEmpty || bare.first == UInt8(ascii: ":") {
            upgrade(.ambiguous, "EmptyHeader")
            return
        }
        for (reference, isEncoding) in [("transfer-encoding", true), ("content-length", false)] {
            let similarity = HeaderSimilarity.of(name, to: reference)
            guard similarity != .distant else { continue }
            if similarity == .sameLetters, !isBad { upgrade(.ambiguous, "SuspiciousHeader") }
            if isEncoding { encodings.append(value) } else { lengths.append(value) }
            return
        }
    }

    private mutating func checkFraming(_ method: [UInt8]) {
        let known = ["chunked", "compress", "deflate", "gzip", "identity"]
        var hasChunked = false
        for value in encodings {
            for item in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            {
                let coding = Self.trimmed(
                    Array(Self.trimmed(Array(item)).prefix { $0 != UInt8(ascii: ";") })
                )
                let text = String(decoding: coding, as: UTF8.self).lowercased()
                if !known.contains(text) { upgrade(.severe, "BadTransferEncoding") }
                if text == "chunked", hasChunked {
                    upgrade(.severe, "MultipleTransferEncodingChunked")
                }
                hasChunked = text == "chunked"
            }
        }
        var first: UInt64?
        for value in lengths {
            let digits = Self.trimmed(value)
            guard !digits.isEmpty, digits.allSatisfy({ $0 &- 48 < 10 }),
                let length = UInt64(String(decoding: digits, as: UTF8.self))
            else {
                upgrade(.severe, "BadContentLength")
                continue
            }
            guard let earlier = first else {
                first = length
                continue
            }
            upgrade(
                earlier == length ? .ambiguous : .severe,
                earlier == length ? "DuplicateContentLength" : "MultipleContentLength"
            )
        }
        if method == Array("GET".utf8) || method == Array("HEAD".utf8) {
            if !encodings.isEmpty {
                upgrade(.ambiguous, "UndefinedTransferEncodingSemantics")
            }
            if first == 0 { upgrade(.acceptable, "GetHeadZeroContentLength") }
            if let first, first > 0 { upgrade(.ambiguous, "UndefinedContentLengthSemantics") }
        }
        if !encodings.isEmpty, first != nil { upgrade(.ambiguous, "BothTeClPresent") }
    }

    private mutating func check(version sent: [UInt8], _ version: [UInt8]) {
        let text = String(decoding: version, as: UTF8.self)
        if text == "HTTP/0.9" {
            upgrade(.acceptable, "NonCompliantVersion")
        } else if version.count != 8 || !text.hasPrefix("HTTP/1.")
            || !(version[7] &- 48 < 10)
        {
            upgrade(.severe, "BadVersion")
        } else if version != sent || version[7] > UInt8(ascii: "1") {
            upgrade(.acceptable, "NonCompliantVersion")
        }
    }

    private mutating func check(uri: [UInt8]) {
        for byte in uri {
            switch byte {
            case 0, 10, 13:
                upgrade(.severe, "BadUri")
                return
            case 32: upgrade(.acceptable, "SpaceInUri")
            case 0..<32, 127: upgrade(.ambiguous, "AmbiguousUri")
            default: break
            }
        }
    }

    /// 11 for `HTTP/1.1`.
    private static func number(of version: [UInt8]) -> Int {
        guard version.count == 8 else { return 11 }
        return Int(version[5] &- 48) * 10 + Int(version[7] &- 48)
    }

    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        let isSpace: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        let head = bytes.drop(while: isSpace)
        let tail = head.reversed().prefix(while: isSpace).count
        return Array(head.dropLast(tail))
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 26 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    private static func isValueByte(_ byte: UInt8) -> Bool {
        byte == 9 || (byte >= 32 && byte != 127)
    }
}

/// How much a field's name looks like another.
enum HeaderSimilarity: Sendable {
    case distant, sameLetters, identical

    /// Compares a name with a lower-case reference.
    static func of(_ name: [UInt8], to reference: String) -> HeaderSimilarity {
        guard name.count >= reference.utf8.count else { return .distant }
        var position = 0
        var isExact = true
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            byte &- 48 < 10 || (byte | 0x20) &- 97 < 26
        }
        while position < name.count, !isAlphanumeric(name[position]), name[position] < 0x80 {
            position += 1
            isExact = false
        }
        for letter in reference.utf8 {
            guard position < name.count else { return .distant }
            if letter == UInt8(ascii: "-") {
                if name[position] != letter { isExact = false }
                position += 1
                while position < name.count, !isAlphanumeric(name[position]), name[position] < 0x80
                {
                    position += 1
                    isExact = false
                }
                continue
            }
            if name[position] | 0x20 == letter {
                position += 1
            } else if position + 1 < name.count,
                (letter == UInt8(ascii: "s") && name[position...].starts(with: [0xC5, 0xBF]))
                    || (letter == UInt8(ascii: "i")
                        && name[position...].starts(with: [0xC4, 0xB1]))
            {
                position += 2
                isExact = false
            } else {
                return .distant
            }
            while position < name.count, name[position] <= 0x20 {
                position += 1
                isExact = false
            }
        }
        if name[position...].contains(where: { isAlphanumeric($0) }) { return .distant }
        return isExact && position == name.count ? .identical : .sameLetters
    }
}
