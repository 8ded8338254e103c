import Edge

/// Path patterns against a matcher too simple to be wrong, and paths that normalise once.
enum PatternTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        let parts = input.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return }
        let path = PathPattern.normalized("/" + String(decoding: parts[1], as: UTF8.self))
        precondition(path.hasPrefix("/"), "a path without a slash")
        precondition(PathPattern.normalized(path) == path, "a path normalises twice")
        guard parts[0].count <= 64, path.utf8.count <= 256 else { return }
        let text = String(decoding: parts[0], as: UTF8.self)
        let rooted = text.hasPrefix("/") || text.hasPrefix("*") ? text : "/" + text
        precondition(
            PathPattern(text).matches(path) == matches(Array(rooted.utf8), Array(path.utf8)),
            "two matchers disagree"
        )
    }

    /// By the table of all prefixes.
    private static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var row = [Bool](repeating: false, count: text.count + 1)
        row[0] = true
        for byte in pattern {
            var next = [Bool](repeating: false, count: text.count + 1)
            next[0] = byte == UInt8(ascii: "*") && row[0]
            for position in 0..<text.count {
                next[position + 1] =
                    switch byte {
                    case UInt8(ascii: "*"): row[position + 1] || next[position]
                    case UInt8(ascii: "?"): row[position]
                    default: row[position] && text[position] == byte
                    }
            }
            row = next
        }
        return row[text.count]
    }
}
