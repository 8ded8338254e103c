import DataPlane
import HTTP
import JSON

/// What both kinds of function doors share: bodies in events and in answers.
enum Payloads {
    /// Reads a whole body.
    static func collect(_ body: Body, limit: Int) async throws(Fault) -> Bytes {
        switch body {
        case .empty, .upgrade: return []
        case .bytes(let bytes):
            if bytes.count > limit { throw Fault(.bodyTooLarge, side: .viewer) }
            return bytes
        case .stream(let source, let length):
            if let length, length > limit { throw Fault(.bodyTooLarge, side: .viewer) }
            var all: [UInt8] = []
            while let piece = try await source.read() {
                if all.count + piece.count > limit { throw Fault(.bodyTooLarge, side: .viewer) }
                all += piece
            }
            return all[...]
        }
    }

    /// Whether an event shows a body of this kind as text.
    static func isText(_ headers: Headers) -> Bool {
        if headers.contains("content-encoding") { return false }
        guard let type = headers["content-type"] else { return false }
        let essence = type.prefix { $0 != ";" }.trimmingASCIIWhitespace().lowercased()
        return essence.hasPrefix("text/")
            || ["application/json", "application/javascript", "application/xml"].contains(essence)
    }

    /// A body as an event shows it, and whether it is base64.
    static func text(of body: Bytes, _ headers: Headers) -> (text: String, isBase64: Bool) {
        if body.isEmpty { return ("", false) }
        if isText(headers), let text = String(validating: body, as: UTF8.self) {
            return (text, false)
        }
        return (Base64Text.encode(body), true)
    }

    /// The body that a function's answer carries; nil when it is malformed.
    static func body(of answer: JSONValue) -> [UInt8]? {
        let isBase64: Bool
        switch answer["isBase64Encoded"] {
        case nil, .null?: isBase64 = false
        case .bool(let value)?: isBase64 = value
        default: return nil
        }
        switch answer["body"] {
        case nil, .null?: return []
        case .string(let text)?: return isBase64 ? Base64Text.decode(text) : Array(text.utf8)
        default: return nil
        }
    }

    /// Whether a field may go on the wire.
    static func isValid(_ name: String, _ value: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            } && value.utf8.allSatisfy { $0 == 9 || ($0 >= 32 && $0 != 127) }
    }

    /// Fields grouped by lower-case name, names in alphabetical order.
    static func grouped(_ headers: Headers) -> [(key: String, values: [String])] {
        QueryText.grouped(headers.map { ($0.name.lowercased(), $0.value) })
            .sorted { $0.key < $1.key }
    }
}

/// Fields that belong to one connection (RFC 9110 §7.6.1).
enum HopByHop {
    private static let names: Set<String> = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
        "upgrade", "proxy-authenticate", "proxy-authorization",
    ]

    /// Whether a request asks for a WebSocket.
    static func isWebSocket(_ headers: Headers) -> Bool {
        headers.hasToken("websocket", in: "upgrade")
            && headers.hasToken("upgrade", in: "connection")
    }

    /// Removes these fields and those that `Connection` names; an upgrade keeps its two.
    static func strip(_ headers: inout Headers, keepingUpgrade: Bool = false) {
        let upgrade = keepingUpgrade ? headers["upgrade"] : nil
        var gone = names
        for value in headers.all("connection") {
            for token in value.split(separator: ",") {
                gone.insert(token.trimmingASCIIWhitespace().lowercased())
            }
        }
        headers.removeAll { gone.contains($0.lowercased()) }
        if let upgrade {
            headers.append("Connection", "Upgrade")
            headers.append("Upgrade", upgrade)
        }
    }
}
