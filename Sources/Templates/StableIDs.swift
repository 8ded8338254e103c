import Crypto
import Model

/// Ids derived from stack and logical id, the same at every start.
struct StableIDs {
    let stack: String

    private func digest(_ logicalID: String) -> [UInt8] { Digest.sha256("\(stack)/\(logicalID)") }

    private func text(_ logicalID: String, count: Int, alphabet: String) -> String {
        let letters = Array(alphabet)
        return String(digest(logicalID).prefix(count).map { letters[Int($0) % letters.count] })
    }

    /// `E` and 13 characters.
    func distribution(_ logicalID: String) -> String {
        "E" + text(logicalID, count: 13, alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    }

    /// Ten characters in lower case.
    func api(_ logicalID: String) -> String {
        text(logicalID, count: 10, alphabet: "abcdefghijklmnopqrstuvwxyz0123456789")
    }

    /// In the form of a UUID.
    func uuid(_ logicalID: String) -> String {
        let digits = Digest.hex(digest(logicalID).prefix(16))
        func part(_ start: Int, _ count: Int) -> Substring { digits.dropFirst(start).prefix(count) }
        return "\(part(0, 8))-\(part(8, 4))-\(part(12, 4))-\(part(16, 4))-\(part(20, 12))"
    }

    /// Thirty-two characters in lower case.
    func functionURL(_ logicalID: String) -> String {
        text(logicalID, count: 32, alphabet: "abcdefghijklmnopqrstuvwxyz0123456789")
    }

    /// Forty characters that a client sends.
    func apiKey(_ logicalID: String) -> String {
        Digest.hex(digest("key/" + logicalID).prefix(20))
    }

    /// Sixteen hexadecimal digits, as in the ARNs of load balancing.
    func balancing(_ logicalID: String) -> String { Digest.hex(digest(logicalID).prefix(8)) }

    /// `<stack>-<logical id>` within a length.
    func name(_ logicalID: String, limit: Int) -> String {
        let full = "\(stack)-\(logicalID)"
        if full.count <= limit { return full }
        return full.prefix(limit - 9) + "-" + Digest.hex(digest(logicalID).prefix(4))
    }

    func stackARN() -> String {
        "arn:aws:cloudformation:us-east-1:\(FunctionARN.account):stack/\(stack)/"
            + Digest.hex(digest("").prefix(16))
    }
}
