/// Matching of cache behaviours' path patterns.
package enum PathPattern {
    /// Whether a pattern matches a normalised path.
    ///
    /// `*` stands for any characters including `/`, `?` for exactly one; a leading `/` is implied.
    package static func matches(_ pattern: String, path: String) -> Bool {
        if pattern == "*" || pattern == "/*" { return true }
        let hasSlash = pattern.hasPrefix("/")
        // "*x" may match without its own slash: the star takes it.
        let full = hasSlash || pattern.hasPrefix("*") ? pattern : "/" + pattern
        return wildcard(Array(full.utf8), Array(path.utf8))
    }

    private static func wildcard(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var p = 0
        var t = 0
        var star = -1
        var mark = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = p
                mark = t
                p += 1
            } else if p < pattern.count,
                pattern[p] == text[t] || pattern[p] == UInt8(ascii: "?")
            {
                p += 1
                t += 1
            } else if star >= 0 {
                p = star + 1
                mark += 1
                t = mark
            } else {
                return false
            }
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    /// The path without dot segments and repeated slashes, used for matching only.
    package static func normalized(_ path: String) -> String {
        guard path.utf8.contains(UInt8(ascii: ".")) || path.contains("//") else { return path }
        var segments: [Substring] = []
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        for part in parts {
            switch part {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(part)
            }
        }
        let endsInSlash = path.hasSuffix("/") || parts.last == "." || parts.last == ".."
        let joined = "/" + segments.joined(separator: "/")
        return endsInSlash && !segments.isEmpty ? joined + "/" : joined
    }
}
