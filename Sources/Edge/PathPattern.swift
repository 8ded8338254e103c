import Model

/// A path pattern of a cache behaviour.
///
/// `*` stands for any characters including `/`, `?` for exactly one; a leading `/` is implied.
package struct PathPattern: Sendable {
    private let bytes: [UInt8]
    private let matchesAll: Bool

    /// Reads a pattern.
    package init(_ pattern: String) {
        matchesAll = pattern == "*" || pattern == "/*"
        // "*x" may match without a slash of its own: the star takes it.
        let isRooted = pattern.beginsWithSlash || pattern.utf8.first == UInt8(ascii: "*")
        bytes = Array((isRooted ? pattern : "/" + pattern).utf8)
    }

    /// Whether it matches a normalised path.
    package func matches(_ path: String) -> Bool {
        matchesAll || Self.wildcard(bytes, path.utf8)
    }

    /// Whether it matches every path that another pattern matches.
    func covers(_ other: PathPattern) -> Bool {
        // A star of the other is a character that only a star takes; its question mark takes any.
        matchesAll || Self.wildcard(bytes, other.bytes)
    }

    /// Whether a text matches a pattern in which `*` stands for anything and `?` for one character.
    static func wildcard<Pattern: Collection<UInt8>, Text: Collection<UInt8>>(
        _ pattern: Pattern,
        _ text: Text
    ) -> Bool {
        var p = pattern.startIndex
        var t = text.startIndex
        var star: (pattern: Pattern.Index, text: Text.Index)?
        while t < text.endIndex {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                p = pattern.index(after: p)
                star = (p, t)
            } else if p < pattern.endIndex,
                pattern[p] == text[t] || pattern[p] == UInt8(ascii: "?")
            {
                p = pattern.index(after: p)
                t = text.index(after: t)
            } else if let last = star {
                p = last.pattern
                t = text.index(after: last.text)
                star = (p, t)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The path without dot segments and repeated slashes, used for matching only.
    package static func normalized(_ path: String) -> String {
        guard needsNormalizing(path) else { return path }
        var segments: [Substring] = []
        let parts = path.pathSegments()
        for part in parts {
            switch part {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(part)
            }
        }
        let endsInSlash = path.endsWithSlash || parts.last == "." || parts.last == ".."
        let joined = "/" + segments.joined(separator: "/")
        return endsInSlash && !segments.isEmpty ? joined + "/" : joined
    }

    private static func needsNormalizing(_ path: String) -> Bool {
        var follows = false
        for byte in path.utf8 {
            if follows, byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return true }
            follows = byte == UInt8(ascii: "/")
        }
        return false
    }
}
