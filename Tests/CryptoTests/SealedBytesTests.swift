import Testing

@testable import Crypto

@Suite("Sealed bytes")
struct SealedBytesTests {
    private let key = [UInt8](repeating: 7, count: SealedBytes.keySize)

    @Test("the published example of AES-256-GCM comes out")
    func example() {
        // "The Galois/Counter Mode of Operation", test case 14.
        let sealed = SealedBytes.seal(
            [UInt8](repeating: 0, count: 16),
            key: [UInt8](repeating: 0, count: 32),
            context: "",
            nonce: [UInt8](repeating: 0, count: 12)
        )
        #expect(
            Digest.hex(sealed.dropFirst(12))
                == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
        )
    }

    @Test("what is sealed opens again, each time in another form", arguments: [0, 1, 16, 5000])
    func opens(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let (first, second) = (
            SealedBytes.seal(bytes, key: key, context: "f"),
            SealedBytes.seal(bytes, key: key, context: "f")
        )
        #expect(first != second)
        #expect(SealedBytes.open(first, key: key, context: "f") == bytes)
        #expect(SealedBytes.open(second, key: key, context: "f") == bytes)
    }

    @Test("nothing opens with another key or context, nor what was changed or cut")
    func refuses() {
        let sealed = SealedBytes.seal(Array("secret".utf8), key: key, context: "f")
        var other = key
        other[31] ^= 1
        #expect(SealedBytes.open(sealed, key: other, context: "f") == nil)
        #expect(SealedBytes.open(sealed, key: key, context: "g") == nil)
        #expect(SealedBytes.open(sealed, key: [1], context: "f") == nil)
        for position in sealed.indices {
            var changed = sealed
            changed[position] ^= 0x40
            #expect(SealedBytes.open(changed, key: key, context: "f") == nil)
        }
        for length in 0..<sealed.count {
            #expect(SealedBytes.open(Array(sealed.prefix(length)), key: key, context: "f") == nil)
        }
    }
}
