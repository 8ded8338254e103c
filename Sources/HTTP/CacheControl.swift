/// The directives of Cache-Control (RFC 9111 §5.2, RFC 5861, RFC 8246).
package struct CacheControl: Sendable, Equatable {
    package var maxAge: Int?
    package var sharedMaxAge: Int?
    package var staleWhileRevalidate: Int?
    package var staleIfError: Int?
    package var minFresh: Int?
    package var maxStale: Int?
    package var noStore = false
    /// `no-cache` without field names.
    package var noCache = false
    /// `private` without field names.
    package var isPrivate = false
    package var isPublic = false
    package var mustRevalidate = false
    package var proxyRevalidate = false
    package var mustUnderstand = false
    package var noTransform = false
    package var onlyIfCached = false
    package var isImmutable = false
    /// The lower-cased fields that `no-cache="..."` names.
    package var noCacheFields: [String] = []
    /// The lower-cased fields that `private="..."` names.
    package var privateFields: [String] = []

    /// The largest age; greater ones count as this (RFC 9111 §1.2.2).
    package static let longest = 2_147_483_648

    /// Makes an empty set of directives.
    package init() {}

    /// Reads one field value.
    package init(_ value: String) { add(value) }

    /// Reads all Cache-Control fields of a message.
    package init(_ headers: Headers) {
        for index in headers.indices where headers.fieldName(at: index) == .cacheControl {
            add(headers.value(at: index))
        }
    }

    private mutating func add(_ value: String) {
        var bytes = Substring(value).utf8
        while !bytes.isEmpty {
            let name = bytes.prefix { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=") }
            bytes = bytes[name.endIndex...]
            var argument: String?
            if bytes.first == UInt8(ascii: "=") {
                bytes = bytes.dropFirst()
                argument = CacheControl.argument(&bytes)
            }
            // Whatever stands between an argument and the next comma is no part of the grammar.
            bytes = bytes.drop { $0 != UInt8(ascii: ",") }.dropFirst()
            apply(Substring(name).trimmingASCIIWhitespace().lowercased(), argument)
        }
    }

    /// Takes a token or a quoted string, in which a comma does not separate.
    private static func argument(_ bytes: inout Substring.UTF8View) -> String {
        bytes = bytes.drop(while: Grammar.isBlank)
        guard bytes.first == UInt8(ascii: "\"") else {
            let token = bytes.prefix { $0 != UInt8(ascii: ",") }
            bytes = bytes[token.endIndex...]
            return String(Substring(token).trimmingASCIIWhitespace())
        }
        bytes = bytes.dropFirst()
        var text: [UInt8] = []
        while let byte = bytes.first {
            bytes = bytes.dropFirst()
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\"), let escaped = bytes.first {
                text.append(escaped)
                bytes = bytes.dropFirst()
            } else {
                text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func apply(_ name: String, _ argument: String?) {
        switch name {
        case "max-age": CacheControl.setAge(&maxAge, argument)
        case "s-maxage": CacheControl.setAge(&sharedMaxAge, argument)
        case "stale-while-revalidate": CacheControl.setAge(&staleWhileRevalidate, argument)
        case "stale-if-error": CacheControl.setAge(&staleIfError, argument)
        case "min-fresh": CacheControl.setAge(&minFresh, argument)
        case "max-stale":
            // Without a number any staleness will do.
            CacheControl.setAge(&maxStale, argument ?? "\(CacheControl.longest)")
        case "no-store": noStore = true
        case "no-cache": CacheControl.setFields(&noCache, &noCacheFields, argument)
        case "private": CacheControl.setFields(&isPrivate, &privateFields, argument)
        case "public": isPublic = true
        case "must-revalidate": mustRevalidate = true
        case "proxy-revalidate": proxyRevalidate = true
        case "must-understand": mustUnderstand = true
        case "no-transform": noTransform = true
        case "only-if-cached": onlyIfCached = true
        case "immutable": isImmutable = true
        default: break
        }
    }

    /// The first of several counts, and a malformed one is stale at once (RFC 9111 §4.2.1).
    private static func setAge(_ age: inout Int?, _ argument: String?) {
        guard age == nil else { return }
        guard let digits = argument?.utf8, !digits.isEmpty, digits.allSatisfy(Grammar.isDigit)
        else {
            age = 0
            return
        }
        age = digits.reduce(0) { min($0 * 10 + Int($1 &- 0x30), longest) }
    }

    private static func setFields(
        _ whole: inout Bool,
        _ fields: inout [String],
        _ argument: String?
    ) {
        let names = (argument ?? "").split(separator: ",")
            .map { $0.trimmingASCIIWhitespace().lowercased() }.filter { !$0.isEmpty }
        if names.isEmpty { whole = true } else { fields += names }
    }
}
