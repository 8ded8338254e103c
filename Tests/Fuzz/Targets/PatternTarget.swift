import Edge

/// Path patterns against a matcher too simple to be wrong, and paths that normalise once.
enum PatternTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        let parts = input.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return }
        let path = PathPattern.normalized("/" + String(decoding: parts[1], as: UTF8.self))
        precondition(path.utf8.first == UInt8(ascii: "/"), "a path without a slash")
        precondition(PathPattern.normalized(path) == path, "a path normalises twice")
        guard parts[0].count <= 64, path.utf8.count <= 256 else { return }
        let text = String(decoding: parts[0], as: UTF8.self)
        let first = text.utf8.first
        let isRooted = first == UInt8(ascii: "/") || first == UInt8(ascii: "*")
        let rooted = isRooted ? text : "/" + text
        precondition(
            PathPattern(text).matches(path)
                == NaiveWildcard.matches(Array(rooted.utf8), Array(path.utf8)),
            "two matchers disagree"
        )
    }
}
