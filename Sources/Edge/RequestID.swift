import Crypto
import Synchronization

/// Ids of things beside a viewer's request: unique, cheap to make and no secret.
enum RequestID {
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// The next word of SplitMix64; one atomic addition.
    private static func next() -> UInt64 {
        var value = state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    /// 32 hexadecimal digits.
    static func hexadecimal() -> String {
        [next(), next()].map { value in
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    /// The id of one invocation, in the form of a UUID of version 4 (RFC 9562 §5.4).
    static func invocation() -> String {
        let high = next() & ~0xF000 | 0x4000
        let low = next() & ~(0b11 << 62) | 0b10 << 62
        return String(unsafeUninitializedCapacity: 36) { output in
            var place = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    output[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (digit & 15))) & 15
                output[place] = value < 10 ? 48 + value : 87 + value
                place += 1
            }
            return 36
        }
    }
}
