import Testing

@testable import HTTP

@Suite("The PROXY protocol")
struct ProxyHeaderTests {
    static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    static let four: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 0x01, 0xBB]
    static let six: [UInt8] =
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1] + [
            0x20, 0x01, 0x0D, 0xB8,
        ]
        + [UInt8](repeating: 0, count: 11) + [2, 0xDC, 0x04, 0x01, 0xBB]

    /// A header of version 2.
    static func block(
        _ command: UInt8,
        _ family: UInt8,
        _ content: [UInt8],
        length: Int? = nil
    ) -> [UInt8] {
        let length = length ?? content.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + content
    }

    static func outcome(_ bytes: [UInt8]) -> Result<ProxyHeader?, ProxyHeader.Failure> {
        do throws(ProxyHeader.Failure) { return .success(try ProxyHeader.parse(bytes)) } catch {
            return .failure(error)
        }
    }

    /// A valid header with the address and port of its source.
    struct Row: Sendable, CustomTestStringConvertible {
        var bytes: [UInt8]
        var address: [UInt8]?
        var port = 0
        var testDescription: String { String(decoding: bytes.prefix(40), as: UTF8.self) }

        init(_ bytes: [UInt8], _ address: [UInt8]?, _ port: Int = 0) {
            (self.bytes, self.address, self.port) = (bytes, address, port)
        }

        init(_ text: String, _ address: [UInt8]?, _ port: Int = 0) {
            self.init(Array(text.utf8), address, port)
        }
    }

    static let nothing = [UInt8](repeating: 0, count: 4)
    static let longest = String(repeating: "ffff:", count: 7) + "ffff"
    static let valid: [Row] = [
        Row("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", [192, 0, 2, 1], 56324),
        Row(
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            [255, 255, 255, 255],
            65535
        ),
        Row("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", [0, 0, 0, 0], 0),
        Row("PROXY TCP6 2001:db8::1 2001:DB8::2 1 2\r\n", Array(six[..<16]), 1),
        Row(
            "PROXY TCP6 \(longest) \(longest) 65535 65535\r\n",
            [UInt8](repeating: 255, count: 16),
            65535
        ),
        Row("PROXY UNKNOWN\r\n", nil),
        Row("PROXY UNKNOWN \(longest) \(longest) 65535 65535\r\n", nil),
        Row("PROXY UNKNOWN what ever  it says\r\n", nil),
        Row(block(0x21, 0x11, four), [192, 0, 2, 1], 56324),
        Row(block(0x21, 0x21, six), Array(six[..<16]), 56324),
        // Additional values are skipped: one of an unknown type, one without content.
        Row(block(0x21, 0x11, four + [0xEE, 0, 2, 7, 7, 0x04, 0, 0]), [192, 0, 2, 1], 56324),
        // LOCAL, whatever it says of addresses; UNSPEC; what is no TCP.
        Row(block(0x20, 0x00, []), nil), Row(block(0x20, 0xFF, [1, 2, 3]), nil),
        Row(block(0x21, 0x00, []), nil), Row(block(0x21, 0x00, [9, 9]), nil),
        Row(block(0x21, 0x01, four), nil), Row(block(0x21, 0x12, four), nil),
        Row(block(0x21, 0x22, six), nil),
        Row(block(0x21, 0x31, [UInt8](repeating: 65, count: 216)), nil),
    ]

    @Test(
        "a header is complete with its last byte, wherever it is cut, and what follows is left alone",
        arguments: valid
    )
    func everyCut(row: Row) throws {
        for count in 0..<row.bytes.count {
            #expect(Self.outcome(Array(row.bytes[..<count])) == .success(nil), "after \(count)")
        }
        for rest in [[], Array("GET / HTTP/1.1\r\n".utf8), Self.signature, [0x0A]] {
            let header = try #require(try ProxyHeader.parse(row.bytes + rest))
            #expect(header.length == row.bytes.count)
            #expect(header.source?.address == row.address)
            #expect(header.source?.port ?? 0 == row.port)
        }
    }

    @Test("the destination is read, too")
    func destination() throws {
        let end = ProxyEnd(address: [198, 51, 100, 7], port: 443)
        let text = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
        #expect(try ProxyHeader.parse(Array(text.utf8))?.destination == end)
        #expect(try ProxyHeader.parse(Self.block(0x21, 0x11, Self.four))?.destination == end)
    }

    @Test(
        "a line that is not exactly as specified is refused",
        arguments: [
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
            "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2.1.1 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2.-1 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 2001:db8::1 198.51.100.7 56324 443\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
            "PROXY TCP6 2001:db8::1 2001:db8::1::2 1 2\r\n",
            "PROXY TCP6 2001:db8::12345 2001:db8::2 1 2\r\n",
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 1 \r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.7 1 2\r\n",
            "PROXY tcp4 192.0.2.1 198.51.100.7 1 2\r\n",
            "PROXY UNKNOWNS\r\n", "PROXY \r\n", "PROXY UNKNOWN\n", "PROXY UNKNOWN\rX",
            "PROXY TCP4 192.0.2.1\n198.51.100.7 1 2\r\n",
        ]
    )
    func malformedLines(text: String) {
        #expect(Self.outcome(Array(text.utf8)) == .failure(.line))
    }

    // Limits: ProxyHeader.maximumLine
    @Test("a line without an end within 107 bytes is refused, one that ends there is not")
    func longLines() {
        let fitting = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
        #expect(fitting.utf8.count == ProxyHeader.maximumLine)
        #expect((try? ProxyHeader.parse(Array(fitting.utf8)))??.length == 107)
        for text in [
            "PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n",
            "PROXY UNKNOWN " + String(repeating: "x", count: 500),
        ] {
            #expect(Self.outcome(Array(text.utf8)) == .failure(.tooLong))
        }
    }

    @Test(
        "anything else is refused with its first wrong byte",
        arguments: [
            "GET / HTTP/1.1\r\n", "proxy TCP4", "PROXI", "PROXY\tTCP4", "\u{16}\u{3}\u{1}",
            "\r\n\r\nx",
            "\n",
        ]
    )
    func signatures(text: String) {
        #expect(Self.outcome(Array(text.utf8)) == .failure(.signature))
    }

    @Test("each byte of the signature counts")
    func wrongSignatureBytes() {
        let good = Self.block(0x21, 0x11, Self.four)
        for index in 1..<12 {
            var bad = good
            bad[index] ^= 0x20
            #expect(Self.outcome(bad) == .failure(.signature), "byte \(index)")
        }
    }

    // Limits: ProxyHeader.maximumHeader
    @Test("versions, commands, families and lengths without a meaning are refused")
    func malformedBlocks() {
        for command: UInt8 in [0x00, 0x01, 0x10, 0x11, 0x22, 0x2F, 0x31, 0xFF] {
            let bytes = Self.block(command, 0x11, Self.four)
            #expect(Self.outcome(bytes) == .failure(.command), "\(command)")
        }
        for family: UInt8 in [0x13, 0x1F, 0x23, 0x41, 0x40, 0xF1] {
            let bytes = Self.block(0x21, family, Self.six)
            #expect(Self.outcome(bytes) == .failure(.family), "\(family)")
        }
        for (family, count) in [(0x11, 11), (0x12, 0), (0x21, 35), (0x31, 215)] {
            let content = [UInt8](repeating: 1, count: count)
            let bytes = Self.block(0x21, UInt8(family), content)
            #expect(Self.outcome(bytes) == .failure(.length), "\(family)")
        }
        let long = Self.block(0x20, 0, [], length: ProxyHeader.maximumHeader - 15)
        #expect(Self.outcome(long) == .failure(.tooLong))
        #expect(Self.outcome(Self.block(0x21, 0x11, [], length: 65535)) == .failure(.tooLong))
    }

    @Test("additional values have to fill what was announced")
    func vectors() {
        for rest: [UInt8] in [[1], [1, 0], [1, 0, 1], [1, 0, 2, 9], [0x03, 0, 3, 1, 2, 3]] {
            let bytes = Self.block(0x21, 0x11, Self.four + rest)
            #expect(Self.outcome(bytes) == .failure(.vector), "\(rest)")
        }
    }

    @Test("a checksum that the sender put in has to be right")
    func checksums() throws {
        // "123456789" is the usual check of the algorithm.
        #expect(ProxyHeader.crc32c(Array("123456789".utf8)) == 0xE306_9283)
        let empty = Self.block(0x21, 0x11, Self.four + [0x03, 0, 4, 0, 0, 0, 0])
        let sum = ProxyHeader.crc32c(empty)
        let right = (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) }
        let good = Array(empty.dropLast(4)) + right
        #expect(try ProxyHeader.parse(good)?.source?.port == 56324)
        var bad = good
        bad[17] ^= 1
        #expect(Self.outcome(bad) == .failure(.checksum))
    }
}
