import DataPlane
import HTTP

/// What a load balancer adds to a request on its way.
enum ForwardedHead {
    private static let traceLimit = 7 << 10

    /// The head for a target; nil when too many addresses are forwarded already.
    static func make(
        _ request: RequestHead,
        viewer: Viewer,
        isTLS: Bool,
        port: Int,
        limit: Int
    ) -> RequestHead? {
        var head = request
        let earlier = head.headers.all("x-forwarded-for").joined(separator: ", ")
        guard earlier.split(separator: ",").count <= limit else { return nil }
        head.headers.set(
            "X-Forwarded-For",
            earlier.isEmpty ? viewer.address : earlier + ", " + viewer.address
        )
        head.headers.set("X-Forwarded-Proto", isTLS ? "https" : "http")
        head.headers.set("X-Forwarded-Port", String(port))
        head.headers.set(
            "X-Amzn-Trace-Id",
            trace(
                head.headers["x-amzn-trace-id"],
                identifier: newTraceID,
                isOversized: head.headers.byteCount > traceLimit
            )
        )
        if let host = head.headers["host"] {
            head.headers.set("Host", Self.host(host, isTLS: isTLS, port: port))
        }
        return head
    }

    /// `Host` with the listener's port when that is not the scheme's own, else without.
    static func host(_ host: String, isTLS: Bool, port: Int) -> String {
        let close = host.lastIndex(of: "]")
        let colon = host.lastIndex(of: ":")
        let hasPort = colon.map { place in close.map { place > $0 } ?? true } ?? false
        if port == (isTLS ? 443 : 80) {
            guard hasPort, let colon else { return host }
            return String(host[..<colon])
        }
        return hasPort ? host : "\(host):\(port)"
    }

    static func newTraceID() -> String {
        let seconds = String(EventTime.now() / 1000, radix: 16)
        return "1-\(seconds)-\(QuickRandom.hexadecimal(24))"
    }

    /// The trace field after this hop.
    static func trace(
        _ sent: String?,
        identifier: () -> String,
        isOversized: Bool = false
    ) -> String {
        let fields = (sent ?? "").split(separator: ";")
            .map { $0.trimmingASCIIWhitespace() }.filter { !$0.isEmpty }
        if isOversized, let root = fields.first(where: { $0.hasPrefix("Root=") }) {
            return String(root)
        }
        guard !fields.isEmpty, !isOversized else { return "Root=\(identifier())" }
        guard fields.contains(where: { $0.hasPrefix("Root=") }) else {
            return (["Root=\(identifier())"] + fields.map(String.init)).joined(separator: ";")
        }
        let kept = fields.filter { !$0.hasPrefix("Self=") }.map(String.init)
        return (["Self=\(identifier())"] + kept).joined(separator: ";")
    }
}
