import Telemetry

/// Ids of things beside a viewer's request: unique, cheap to make and no secret.
enum RequestID {
    private static func pair() -> (UInt64, UInt64) {
        let place = UniqueWords.take(2)
        return (UniqueWords.word(0, from: place), UniqueWords.word(1, from: place))
    }

    /// 32 hexadecimal digits.
    static func hexadecimal() -> String {
        let (high, low) = pair()
        return [high, low].map { value in
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    /// The id of one invocation, in the form of a UUID of version 4 (RFC 9562 §5.4).
    static func invocation() -> String {
        let (first, second) = pair()
        let high = first & ~0xF000 | 0x4000
        let low = second & ~(0b11 << 62) | 0b10 << 62
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
