extension Headers {
    /// Removes connection fields and those that Connection names (RFC 9110 §7.6.1).
    ///
    /// With `keepUpgrade`, a request to switch protocols stays: `Upgrade` and `Connection: Upgrade`.
    package mutating func removeHopByHop(keepUpgrade: Bool = false) {
        let listed = connectionOptions()
        var hasUpgrade = false
        if !listed.isEmpty {
            removeAll { (name: String) in listed.contains(name.lowercased()) }
        }
        guard contains(where: \.isHopByHop) else { return }
        keep { entry in
            if keepUpgrade, entry.name == .upgrade {
                hasUpgrade = true
                return true
            }
            return !entry.name.isHopByHop
        }
        if hasUpgrade { append(.connection, "Upgrade") }
    }

    /// The lower-cased names in Connection that are not options of the connection itself.
    ///
    /// Names that a message cannot do without are left out, so that a client cannot have them removed.
    package func connectionOptions() -> [String] {
        guard let first = firstIndex(of: .connection) else { return [] }
        var names: [String] = []
        for index in first..<count where fieldName(at: index) == .connection {
            withValue(at: index) { value in
                guard let base = value.baseAddress,
                    !FieldSection.isKeepAlive(base, value.count)
                else { return }
                FieldSection.forEachItem(base, value.count) { start, count in
                    if Self.isOption(start, count) { return }
                    let name = Grammar.text(start, count).lowercased()
                    if !Headers.indispensable.contains(name) { names.append(name) }
                }
            }
        }
        return names
    }

    /// Whether an item of Connection is an option of the connection itself.
    @inline(__always)
    private static func isOption(_ start: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        switch count {
        case 5: Grammar.equal(start, count, "close")
        case 7: Grammar.equal(start, count, "upgrade")
        case 10: Grammar.equal(start, count, "keep-alive")
        default: false
        }
    }

    private static let indispensable: Set<String> = [
        "host", "content-length", "content-type", "content-encoding", "cache-control",
        "authorization", "cookie", "set-cookie",
    ]

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

extension FieldName {
    /// Whether the field speaks of one connection only (RFC 9110 §7.6.1).
    package var isHopByHop: Bool {
        switch self {
        case .te, .upgrade, .connection, .keepAlive, .proxyConnection, .transferEncoding: true
        default: false
        }
    }
}
