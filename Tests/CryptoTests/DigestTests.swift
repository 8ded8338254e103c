import Crypto
import Testing

@Suite
struct DigestTests {
    @Test
    func knownDigests() {
        #expect(
            Digest.hex(Digest.sha256("abc"))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
        #expect(
            Digest.hex(Digest.sha256([UInt8]()))
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )
        #expect(Digest.hex(Digest.sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }

    @Test
    func piecesMakeTheWhole() {
        let bytes = RandomBytes.make(10_000)
        let hasher = SHA256Hasher()
        var position = 0
        for size in [1, 63, 64, 65, 4000, 5807] {
            hasher.update(Array(bytes[position..<position + size]))
            position += size
        }
        #expect(position == bytes.count)
        #expect(hasher.finalize() == Digest.sha256(bytes))
        #expect(hasher.finalize() == Digest.sha256([UInt8]()))
    }

    @Test
    func knownCodes() {
        // RFC 4231, cases 1 and 2.
        #expect(
            Digest.hex(
                HMAC.sha256(key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8))
            )
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        )
        #expect(
            Digest.hex(
                HMAC.sha256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
            )
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        )
        #expect(
            Digest.hex(HMAC.sha256(key: [], []))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        )
        #expect(HMAC.isEqual([1, 2], [1, 2]))
        #expect(!HMAC.isEqual([1, 2], [1, 3]))
        #expect(!HMAC.isEqual([1, 2], [1]))
    }

    @Test
    func base64() {
        let pairs = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==",
            "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy",
        ]
        for (plain, text) in pairs {
            #expect(Base64.encode(Array(plain.utf8)) == text)
            #expect(Base64.decode(text) == Array(plain.utf8))
        }
        for count in 0..<70 {
            let bytes = RandomBytes.make(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        for wrong in ["Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9v\n", "Zm 9", "Zg==Zg=="] {
            #expect(Base64.decode(wrong) == nil, "\(wrong)")
        }
        #expect(Base64.encodeURL([0xFB, 0xFF]) == "-_8")
    }

    @Test
    func randomBytesDiffer() {
        #expect(RandomBytes.make(0).isEmpty)
        #expect(RandomBytes.make(32) != RandomBytes.make(32))
    }
}
