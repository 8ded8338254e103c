import Model

/// Which code a resource needs, found in its encoded form.
enum BlobReferences {
    /// Every run of exactly 64 lower-case hexadecimal digits, in order, each once.
    ///
    /// Whatever looks like a digest counts as one: a resource of a later build that names code in a new
    /// place keeps its code, and a text that only looks like a digest does no harm.
    static func digests(in encoded: some Sequence<UInt8>) -> [String] {
        var found: [String] = []
        var run: [UInt8] = []
        func end() {
            if run.count == 64 {
                let digest = String(decoding: run, as: UTF8.self)
                if !found.contains(digest) { found.append(digest) }
            }
            run.removeAll(keepingCapacity: true)
        }
        for byte in encoded {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"):
                if run.count <= 64 { run.append(byte) }
            default: end()
            }
        }
        end()
        return found
    }

    /// Whether a text is a digest as stores write them.
    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }

    /// The code that a change cannot do without.
    static func required(by change: Change) -> [String] {
        guard case .put(.function(let version)) = change else { return [] }
        return [version.codeDigest] + (version.layers ?? [])
    }
}
