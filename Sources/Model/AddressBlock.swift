import Glibc

/// A block of addresses, as `192.0.2.0/24` or `2001:db8::/32` write it.
package struct AddressBlock: Sendable {
    private let bytes: [UInt8]
    private let length: Int

    /// Reads a block; an address alone is a block of one.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = Self.bytes(String(first)) else { return nil }
        self.bytes = bytes
        guard parts.count > 1 else {
            length = bytes.count * 8
            return
        }
        guard parts[1].utf8.allSatisfy({ 48...57 ~= $0 }), let length = Int(parts[1]),
            length <= bytes.count * 8
        else { return nil }
        self.length = length
    }

    /// Whether the block is one of IPv4.
    package var isIPv4: Bool { bytes.count == 4 }

    /// How many leading bits its addresses share.
    package var prefixLength: Int { length }

    /// Whether an address lies in the block.
    package func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(address), other.count == bytes.count else { return false }
        for bit in stride(from: 0, to: length, by: 8) {
            let place = bit / 8
            let mask: UInt8 = length - bit >= 8 ? 0xFF : ~(0xFF >> UInt8(length - bit))
            if bytes[place] & mask != other[place] & mask { return false }
        }
        return true
    }

    /// Whether an address is this machine's own.
    package static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.")
    }

    /// The bytes of an address; those of IPv4 inside IPv6 are taken as IPv4.
    private static func bytes(_ text: String) -> [UInt8]? {
        let text =
            text.hasPrefix("::ffff:") && text.contains(".") ? String(text.dropFirst(7)) : text
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &four) == 1 { return four }
        var sixteen = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET6, text, &sixteen) == 1 ? sixteen : nil
    }
}
