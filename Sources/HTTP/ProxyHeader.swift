import Glibc

/// Where one end of a relayed connection is.
package struct ProxyEnd: Sendable, Equatable {
    /// 4 or 16 bytes in network order.
    package var address: [UInt8]
    package var port: Int

    /// Makes an end.
    package init(address: [UInt8], port: Int) {
        self.address = address
        self.port = port
    }
}

/// What stands before everything else on a connection that a proxy relays: HAProxy's "The PROXY protocol",
/// versions 1 and 2.
///
/// Pure: bytes in, a value out. What does not follow the specification to the letter is refused.
package struct ProxyHeader: Sendable, Equatable {
    /// Why a connection does not begin with a valid header.
    package enum Failure: Error, Sendable, Equatable {
        /// The first bytes are those of no version.
        case signature
        /// The line of version 1 is malformed.
        case line
        /// A version other than 2, or a command that is neither LOCAL nor PROXY.
        case command
        /// An address family or transport protocol without a meaning.
        case family
        /// The announced length has no room for the addresses of the family.
        case length
        /// The line or the announced length is over its limit.
        case tooLong
        /// The additional values (TLV) do not fill the announced length.
        case vector
        /// The checksum that the sender put in is another.
        case checksum
    }

    /// The longest line of version 1 with its end.
    ///
    /// Unit: bytes. Source: The PROXY protocol, 2.1.
    package static let maximumLine = 107
    /// The longest header of version 2 with all its additional values; a sender may announce up to 65,551.
    ///
    /// Unit: bytes.
    package static let maximumHeader = 4096

    /// Who connected to the proxy; nil when the connection speaks for the proxy itself, or its kind of
    /// address is unknown: then the connection's own address holds.
    package var source: ProxyEnd?
    /// Where to.
    package var destination: ProxyEnd?
    /// How many bytes the header takes.
    package var length: Int

    /// Reads the header at the beginning of what has arrived; nil while it is incomplete.
    package static func parse(_ bytes: [UInt8]) throws(Failure) -> ProxyHeader? {
        guard let first = bytes.first else { return nil }
        return first == line[0] ? try parseLine(bytes) : try parseBlock(bytes)
    }
}

// MARK: - Version 1

extension ProxyHeader {
    private static let line = Array("PROXY ".utf8)
    private static let unknown = Array("UNKNOWN".utf8)

    private static func parseLine(_ bytes: [UInt8]) throws(Failure) -> ProxyHeader? {
        guard zip(bytes, line).allSatisfy(==) else { throw .signature }
        guard let end = try endOfLine(bytes) else { return nil }
        var header = ProxyHeader(length: end + 2)
        let text = bytes[..<end].dropFirst(line.count)
        if text.starts(with: unknown) {
            let rest = text.dropFirst(unknown.count)
            guard rest.isEmpty || rest.first == 0x20 else { throw .line }
            return header
        }
        let fields = text.split(separator: 0x20, omittingEmptySubsequences: false)
        guard fields.count == 5, let isSix = isSix(fields[0]),
            let source = address(fields[1], isSix), let destination = address(fields[2], isSix),
            let sourcePort = number(fields[3], most: 65_535),
            let destinationPort = number(fields[4], most: 65_535)
        else { throw .line }
        header.source = ProxyEnd(address: source, port: sourcePort)
        header.destination = ProxyEnd(address: destination, port: destinationPort)
        return header
    }

    /// Where CR and LF stand; nil while they have not arrived.
    private static func endOfLine(_ bytes: [UInt8]) throws(Failure) -> Int? {
        for (index, byte) in bytes.prefix(maximumLine).enumerated() {
            if byte == 0x0A { throw .line }
            guard byte == 0x0D else { continue }
            guard index + 1 < maximumLine else { throw .tooLong }
            guard index + 1 < bytes.count else { return nil }
            guard bytes[index + 1] == 0x0A else { throw .line }
            return index
        }
        if bytes.count >= maximumLine { throw .tooLong }
        return nil
    }

    private static func isSix(_ text: ArraySlice<UInt8>) -> Bool? {
        if text.elementsEqual("TCP4".utf8) { return false }
        return text.elementsEqual("TCP6".utf8) ? true : nil
    }

    /// A decimal number without leading zeros.
    private static func number(_ text: ArraySlice<UInt8>, most: Int) -> Int? {
        guard let first = text.first, text.count <= 5, text.count == 1 || first != 0x30 else {
            return nil
        }
        var value = 0
        for byte in text {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value <= most ? value : nil
    }

    private static func address(_ text: ArraySlice<UInt8>, _ isSix: Bool) -> [UInt8]? {
        if !isSix {
            let parts = text.split(separator: 0x2E, omittingEmptySubsequences: false)
            let numbers = parts.compactMap { number($0, most: 255).map(UInt8.init) }
            return parts.count == 4 && numbers.count == 4 ? numbers : nil
        }
        let isHex = text.allSatisfy { byte in
            (0x30...0x3A).contains(byte) || (0x61...0x66).contains(byte | 0x20)
        }
        guard isHex, text.count <= 39 else { return nil }
        var address = in6_addr()
        let read = inet_pton(AF_INET6, String(decoding: text, as: UTF8.self), &address)
        return read == 1 ? withUnsafeBytes(of: address) { Array($0) } : nil
    }
}

// MARK: - Version 2

extension ProxyHeader {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    /// Signature, command, family and length.
    private static let fixedPart = 16
    private static let checksumType: UInt8 = 0x03

    private static func parseBlock(_ bytes: [UInt8]) throws(Failure) -> ProxyHeader? {
        guard zip(bytes, signature).allSatisfy(==) else { throw .signature }
        guard bytes.count >= fixedPart else { return nil }
        let command = bytes[12]
        guard command == 0x20 || command == 0x21 else { throw .command }
        let length = fixedPart + Int(bytes[14]) << 8 + Int(bytes[15])
        guard length <= maximumHeader else { throw .tooLong }
        // What a LOCAL connection says of addresses is skipped, whatever it is.
        if command == 0x20 { return bytes.count < length ? nil : ProxyHeader(length: length) }
        let (family, transport) = (bytes[13] >> 4, bytes[13] & 0x0F)
        guard family <= 3, transport <= 2 else { throw .family }
        let width = family == 0 || transport == 0 ? 0 : [0, 4, 16, 108][Int(family)]
        let ends = family == 3 ? 2 * width : width == 0 ? 0 : 2 * width + 4
        guard length >= fixedPart + ends else { throw .length }
        guard bytes.count >= length else { return nil }
        let block = Array(bytes[..<length])
        if ends > 0 { try checkVectors(block, from: fixedPart + ends) }
        var header = ProxyHeader(length: length)
        guard width > 0, family < 3, transport == 1 else { return header }
        header.source = end(block, at: fixedPart, width, port: fixedPart + 2 * width)
        header.destination = end(
            block,
            at: fixedPart + width,
            width,
            port: fixedPart + 2 * width + 2
        )
        return header
    }

    private static func end(_ block: [UInt8], at start: Int, _ width: Int, port: Int) -> ProxyEnd {
        ProxyEnd(
            address: Array(block[start..<(start + width)]),
            port: Int(block[port]) << 8 | Int(block[port + 1])
        )
    }

    /// Walks through the additional values, which are skipped but for a checksum.
    private static func checkVectors(_ block: [UInt8], from start: Int) throws(Failure) {
        var position = start
        while position < block.count {
            guard position + 3 <= block.count else { throw .vector }
            let size = Int(block[position + 1]) << 8 | Int(block[position + 2])
            let value = position + 3
            guard value + size <= block.count else { throw .vector }
            if block[position] == checksumType {
                guard size == 4 else { throw .vector }
                var cleared = block
                for index in value..<(value + 4) { cleared[index] = 0 }
                let given = block[value..<(value + 4)].reduce(0) { $0 << 8 | UInt32($1) }
                guard crc32c(cleared) == given else { throw .checksum }
            }
            position = value + size
        }
    }

    /// The checksum of RFC 4960, appendix B.
    static func crc32c(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
