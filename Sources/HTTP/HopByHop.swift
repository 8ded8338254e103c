extension Headers {
    /// Removes connection fields and those that Connection names (RFC 9110 §7.6.1).
    ///
    /// With `keepUpgrade`, a request to switch protocols stays: `Upgrade` and `Connection: Upgrade`.
    package mutating func removeHopByHop(keepUpgrade: Bool = false) {
        let listed = connectionOptions()
        var hasUpgrade = false
        let kept = buffer.withUnsafeBufferPointer { bytes -> [Entry] in
            guard let base = bytes.baseAddress else { return entries }
            return entries.filter { entry in
                let name = base + Int(entry.nameStart)
                let length = Int(entry.nameLength)
                if keepUpgrade, Grammar.equal(name, length, "upgrade") {
                    hasUpgrade = true
                    return true
                }
                return !Headers.isHopByHop(name, length)
                    && !listed.contains { Headers.equal(name, length, $0) }
            }
        }
        if kept.count != entries.count { entries = kept }
        if hasUpgrade { append("Connection", "Upgrade") }
    }

    /// The lower-cased names in Connection that are not options of the connection itself.
    ///
    /// Names that a message cannot do without are left out, so that a client cannot have them removed.
    func connectionOptions() -> [String] {
        var names: [String] = []
        buffer.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            for entry in entries where entry.nameLength == 10 {
                guard Grammar.equal(base + Int(entry.nameStart), 10, "connection") else { continue }
                FieldSection.forEachItem(
                    base + Int(entry.valueStart),
                    Int(entry.valueLength)
                ) { start, count in
                    if Grammar.equal(start, count, "close") { return }
                    if Grammar.equal(start, count, "keep-alive") { return }
                    if Grammar.equal(start, count, "upgrade") { return }
                    let name = Grammar.text(start, count).lowercased()
                    if !Headers.indispensable.contains(name) { names.append(name) }
                }
            }
        }
        return names
    }

    private static let indispensable: Set<String> = [
        "host", "content-length", "content-type", "content-encoding", "cache-control",
        "authorization", "cookie", "set-cookie",
    ]

    /// Whether the name is that of a field for one connection only.
    @inline(__always)
    static func isHopByHop(_ name: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        switch length {
        case 2: Grammar.equal(name, length, "te")
        case 7: Grammar.equal(name, length, "upgrade")
        case 10:
            Grammar.equal(name, length, "connection") || Grammar.equal(name, length, "keep-alive")
        case 16: Grammar.equal(name, length, "proxy-connection")
        case 17: Grammar.equal(name, length, "transfer-encoding")
        default: false
        }
    }

    /// Whether the bytes spell a lower-case name in any letter case.
    static func equal(_ start: UnsafePointer<UInt8>, _ count: Int, _ name: String) -> Bool {
        guard count == name.utf8.count else { return false }
        var offset = 0
        for byte in name.utf8 {
            if lowered(start[offset]) != byte { return false }
            offset += 1
        }
        return true
    }
}
