import DataPlane
import HTTP
import Model

/// What a load balancer adds to a request on its way.
struct ForwardedHead {
    /// The most addresses in `X-Forwarded-For`.
    static let addressLimit = 30
    /// Above so many bytes of fields a trace field keeps its root alone.
    static let traceLimit = 7 << 10

    let settings: BalancerSettings
    let listener: ListenerSettings
    let viewer: Viewer
    let isTLS: Bool
    let port: Int

    /// The head for a target; nil when too many addresses are forwarded already.
    func make(_ request: RequestHead) -> RequestHead? {
        var head = request
        if settings.dropsInvalidFields {
            head.headers.removeAll { !Self.isValidName($0) }
        }
        guard addAddress(to: &head.headers) else { return nil }
        head.headers.set("X-Forwarded-Proto", isTLS ? "https" : "http")
        head.headers.set("X-Forwarded-Port", String(port))
        head.headers.set(
            "X-Amzn-Trace-Id",
            Self.trace(
                head.headers["x-amzn-trace-id"],
                identifier: Self.newTraceID,
                isOversized: head.headers.byteCount > Self.traceLimit
            )
        )
        for field in ["X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite"]
        where settings.addsTLSFields && isTLS {
            let value = field.hasSuffix("Version") ? viewer.tlsProtocol : viewer.tlsCipher
            head.headers.remove(field)
            if let value { head.headers.set(listener.name(of: field), value) }
        }
        if !settings.preservesHost, let host = head.headers["host"] {
            head.headers.set("Host", Self.host(host, isTLS: isTLS, port: port))
        }
        return head
    }

    /// Whether a field's name is made of letters, digits and hyphens.
    static func isValidName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || $0 == 45 }
    }

    private func addAddress(to headers: inout Headers) -> Bool {
        let earlier = headers.all("x-forwarded-for").joined(separator: ", ")
        guard earlier.split(separator: ",").count <= Self.addressLimit else { return false }
        switch settings.forwardedFor {
        case .preserve: break
        case .remove: headers.remove("x-forwarded-for")
        case .append:
            var address = viewer.address
            if settings.addsClientPort {
                address = address.contains(":") ? "[\(address)]" : address
                address += ":\(viewer.port)"
            }
            headers.set("X-Forwarded-For", earlier.isEmpty ? address : earlier + ", " + address)
        }
        return true
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

extension RuleEvaluation.Decision {
    /// Why a rewrite cannot be sent.
    enum RewriteFailure: String, Error {
        case host = "TransformInvalidHost"
        case url = "TransformInvalidPath"
    }

    /// Rewrites a head on its way to a target; a pattern that is not found changes nothing.
    func rewrite(_ head: inout RequestHead) throws(RewriteFailure) {
        for rewrite in rewrites {
            switch rewrite.kind {
            case .host:
                let host = head.headers["host"] ?? ""
                guard
                    let changed = rewrite.regex.replacingFirst(in: host, with: rewrite.replacement)
                else { continue }
                let isHost =
                    !changed.isEmpty
                    && changed.utf8.allSatisfy {
                        $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || "-._:[]".utf8.contains($0)
                    }
                guard isHost else { throw .host }
                head.headers.set("Host", changed)
            case .url:
                guard
                    let changed = rewrite.regex.replacingFirst(
                        in: head.target,
                        with: rewrite.replacement
                    )
                else { continue }
                let isTarget =
                    changed.beginsWithSlash
                    && changed.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "#") }
                guard isTarget else { throw .url }
                let mark = changed.firstIndex(of: "?")
                head.path = String(changed[..<(mark ?? changed.endIndex)])
                head.query = mark.map { String(changed[changed.index(after: $0)...]) }
            }
        }
    }
}
