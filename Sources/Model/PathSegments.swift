extension StringProtocol {
    /// The parts of a path between its slashes, byte by byte.
    ///
    /// `split(separator: "/")` looks for characters, and a slash with a combining mark behind it is another
    /// character: whoever checks such parts sees other names than the system that opens the path.
    package func pathSegments(omittingEmpty: Bool = true) -> [Substring] {
        let all = Substring(self)
        return all.utf8.split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: omittingEmpty
        ).map { all[$0.startIndex..<$0.endIndex] }
    }

    /// Whether the first byte is a slash.
    package var beginsWithSlash: Bool { utf8.first == UInt8(ascii: "/") }

    /// Whether the last byte is a slash.
    package var endsWithSlash: Bool { Substring(self).utf8.last == UInt8(ascii: "/") }
}
