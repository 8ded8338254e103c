/// The addresses that share a prefix, as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a range of one.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    private let prefix: [UInt8]
    private let bits: Int
    /// As it was written.
    package let description: String

    /// Reads a range; nil when the text is none, or when bits beyond its length are set.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = SocketAddress(numeric: String(first), port: 0)
        else { return nil }
        let bytes = address.bytes
        var bits = bytes.count * 8
        if parts.count == 2 {
            guard let length = Int(parts[1]), (0...bits).contains(length),
                parts[1].allSatisfy(\.isNumber)
            else { return nil }
            bits = length
        }
        for (index, byte) in bytes.enumerated() where byte & ~Self.mask(index, bits) != 0 {
            return nil
        }
        prefix = bytes
        self.bits = bits
        description = text
    }

    /// Whether an address lies in the range.
    package func contains(_ address: SocketAddress) -> Bool {
        let bytes = address.bytes
        guard bytes.count == prefix.count else { return false }
        for index in 0..<((bits + 7) / 8)
        where (bytes[index] ^ prefix[index]) & Self.mask(index, bits) != 0 {
            return false
        }
        return true
    }

    /// The bits of one byte that belong to a prefix of so many bits.
    private static func mask(_ index: Int, _ bits: Int) -> UInt8 {
        let own = min(8, max(0, bits - index * 8))
        return own == 0 ? 0 : UInt8(truncatingIfNeeded: 0xFF << (8 - own))
    }
}
