import Glibc

/// A DNS name or an address in its one canonical spelling.
struct ServerName: Hashable, Sendable {
    let text: String
    let isAddress: Bool

    /// Nil when the text is neither a name that a certificate may carry nor an address.
    init?(_ given: String) {
        if let address = Self.address(given) {
            text = address
            isAddress = true
            return
        }
        let lower = given.lowercased()
        let labels = lower.split(separator: ".", omittingEmptySubsequences: false)
        let allowed = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
                        || byte == 0x5F
                }
        }
        guard allowed, lower.utf8.count <= 253 else { return nil }
        text = lower
        isAddress = false
    }

    /// What the subjectAltName extension says.
    var alternativeName: String { (isAddress ? "IP:" : "DNS:") + text }

    /// A file name without anything a file system minds; it can't leave its folder.
    var fileName: String {
        guard isAddress else {
            // A file system ends names at 255 bytes, and a temporary file adds some.
            return (text.utf8.count <= 200 ? text : "sha256-" + Digest.hex(Digest.sha256(text)))
                + ".pem"
        }
        return "ip-" + String(text.map { $0 == ":" ? "_" : $0 }) + ".pem"
    }

    private static func address(_ given: String) -> String? {
        for family in [AF_INET, AF_INET6] {
            var bytes = in6_addr()
            var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard inet_pton(family, given, &bytes) == 1,
                inet_ntop(family, &bytes, &buffer, socklen_t(buffer.count)) != nil
            else { continue }
            return String(
                decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                as: UTF8.self
            )
        }
        return nil
    }
}
