import Testing

@testable import Reactor

@Suite("Address ranges")
struct AddressRangeTests {
    private func address(_ text: String) throws -> SocketAddress {
        try #require(SocketAddress(numeric: text, port: 1))
    }

    @Test(
        "a range holds the addresses with its prefix, and no others",
        arguments: [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"), ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::1", "::1", "127.0.0.1"), ("fe80::/10", "febf::1", "fec0::1"),
        ]
    )
    func contains(range: String, inside: String, outside: String) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try address(inside)))
        #expect(!range.contains(try address(outside)))
    }

    @Test(
        "what is no range is not read as one",
        arguments: [
            "", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.1/8",
            "::1/129", "10.0.0.0/8/8", "10.0.0/8",
        ]
    )
    func refused(text: String) { #expect(AddressRange(text) == nil) }

    @Test("sources are IPv4 addresses, or the first half of IPv6 addresses")
    func sources() throws {
        #expect(try address("192.0.2.1").source != address("192.0.2.2").source)
        #expect(try address("192.0.2.1").source == address("::ffff:192.0.2.1").source)
        #expect(try address("2001:db8::1").source == address("2001:db8::ffff:2").source)
        #expect(try address("2001:db8::1").source != address("2001:db8:0:1::1").source)
    }

    @Test(
        "an address is the same when it is made of its bytes",
        arguments: ["192.0.2.1", "2001:db8::9"]
    )
    func bytes(text: String) throws {
        let given = try address(text)
        let made = try #require(SocketAddress(bytes: given.bytes, port: 77))
        #expect(made.host == text && made.port == 77)
        #expect(SocketAddress(bytes: [1, 2, 3], port: 1) == nil)
    }
}
