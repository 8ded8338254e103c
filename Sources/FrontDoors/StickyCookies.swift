import Crypto
import HTTP
import Model

/// The cookies by which a viewer stays with its target; AWS page "Sticky sessions".
///
/// A value is encrypted and authenticated with a key of this process, so a restart starts anew.
struct StickyCookies: Sendable {
    /// How long browsers keep the cookies, whatever the stickiness lasts.
    ///
    /// Unit: seconds.
    static let browserLifetime = 7 * 86_400

    /// What a cookie remembers.
    struct Ticket: Sendable, Equatable {
        /// The target group's ARN.
        var group: String
        /// The target's name; empty in cookies that remember the group alone.
        var target = ""
        /// Unit: milliseconds since 1970.
        var issuedAt: Int
    }

    private let key: [UInt8]

    init(key: [UInt8] = RandomBytes.make(32)) { self.key = key }

    /// The name of a target in tickets.
    static func name(of target: TargetGroup.Target) -> String {
        switch target {
        case .address(let host, let port): "\(host):\(port)"
        case .function(let reference): "function:\(reference)"
        }
    }

    // MARK: Values

    func seal(_ ticket: Ticket) -> String {
        let text = Array("\(ticket.issuedAt)\n\(ticket.group)\n\(ticket.target)".utf8)
        let nonce = RandomBytes.make(16)
        let sealed = nonce + masked(text, nonce)
        let tag = HMAC.sha256(key: key, [1] + sealed).prefix(16)
        return Base64Text.encode((sealed + tag)[...])
    }

    /// The ticket of a value; nil when it is not ours, or older than the stickiness lasts.
    func open(_ value: String, lasting seconds: Int, now: Int) -> Ticket? {
        guard let bytes = Base64Text.decode(value), bytes.count > 32 else { return nil }
        let sealed = Array(bytes.dropLast(16))
        let tag = Array(HMAC.sha256(key: key, [1] + sealed).prefix(16))
        guard HMAC.isEqual(tag, Array(bytes.suffix(16))) else { return nil }
        let text = masked(Array(sealed.dropFirst(16)), Array(sealed.prefix(16)))
        let parts = String(decoding: text, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let issued = Int(parts[0]), now - issued <= seconds * 1000 else {
            return nil
        }
        return Ticket(group: parts[1], target: parts[2], issuedAt: issued)
    }

    /// The bytes under a stream made of HMAC over nonce and counter.
    private func masked(_ bytes: [UInt8], _ nonce: [UInt8]) -> [UInt8] {
        var result = bytes
        for start in stride(from: 0, to: bytes.count, by: 32) {
            let block = HMAC.sha256(key: key, [0] + nonce + [UInt8(truncatingIfNeeded: start / 32)])
            for offset in start..<min(start + 32, bytes.count) {
                result[offset] ^= block[offset - start]
            }
        }
        return result
    }

    // MARK: Fields

    /// The value of a cookie that a request sends.
    static func value(of name: String, in headers: Headers) -> String? {
        for line in headers.all("cookie") {
            for pair in line.split(separator: ";") {
                let pair = pair.trimmingASCIIWhitespace()
                guard let sign = pair.firstIndex(of: "="), pair[..<sign] == name else { continue }
                return String(pair[pair.index(after: sign)...])
            }
        }
        return nil
    }

    /// Sets a cookie and its twin for cross-origin requests.
    func set(_ name: String, twin: String?, _ ticket: Ticket, in headers: inout Headers) {
        let value = seal(ticket)
        let expires = HTTPDate.format(ticket.issuedAt / 1000 + Self.browserLifetime)
        headers.append("Set-Cookie", "\(name)=\(value); Expires=\(expires); Path=/")
        guard let twin else { return }
        headers.append(
            "Set-Cookie",
            "\(twin)=\(value); Expires=\(expires); Path=/; SameSite=None; Secure"
        )
    }

    /// Whether a response sets a cookie of this name to something.
    static func sets(_ name: String, in headers: Headers) -> Bool {
        headers.all("set-cookie").contains { $0.hasPrefix(name + "=") }
    }
}
