/// The parts of an `http` or `https` URL.
package struct UpstreamURL: Sendable, Equatable {
    package var isTLS: Bool
    package var host: String
    package var port: Int
    /// Starts with `/`, or is empty.
    package var path: String
    package var query: String?

    /// Reads a URL; nil when it is not one.
    package init?(_ text: String) {
        guard let colon = text.firstRange(of: "://") else { return nil }
        switch text[..<colon.lowerBound].lowercased() {
        case "http": isTLS = false
        case "https": isTLS = true
        default: return nil
        }
        var rest = text[colon.upperBound...].prefix { $0 != "#" }
        if let mark = rest.firstIndex(of: "?") {
            query = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = String(rest[slash...])
        var authority = rest[..<slash]
        let close = authority.lastIndex(of: "]")
        port = isTLS ? 443 : 80
        if let mark = authority.lastIndex(of: ":"), close.map({ mark > $0 }) ?? true {
            guard let number = Int(authority[authority.index(after: mark)...]),
                (1...65535).contains(number)
            else { return nil }
            port = number
            authority = authority[..<mark]
        }
        host = authority.filter { $0 != "[" && $0 != "]" }
        guard !host.isEmpty else { return nil }
    }

    /// `Host` for this place.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The path with more after it.
    package func path(appending more: String) -> String {
        var base = path
        if more.hasPrefix("/") { while base.hasSuffix("/") { base.removeLast() } }
        let joined = base + more
        return joined.isEmpty ? "/" : joined
    }

    /// Where to connect.
    package var target: UpstreamTarget { UpstreamTarget(host: host, port: port, isTLS: isTLS) }
}
