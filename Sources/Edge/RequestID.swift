import Crypto
import Synchronization

/// `X-Amz-Cf-Id` values and their kin: unique, cheap to make and no secret.
enum RequestID {
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// The next word of SplitMix64; one atomic addition.
    private static func next() -> UInt64 {
        var value = state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )

    /// 40 bytes as URL-safe base64 with its padding.
    static func make() -> String {
        digits.withUnsafeBufferPointer { digits in
            String(unsafeUninitializedCapacity: 56) { output in
                // 54 digits carry 40 bytes: nine to a word, the last in the high bits of its six.
                for start in stride(from: 0, to: 54, by: 9) {
                    var word = next()
                    for place in start..<start + 9 {
                        output[place] = digits[Int(word & 0x3F)]
                        word >>= 6
                    }
                    if start == 45 { output[53] = digits[Int(word & 0x30)] }
                }
                output[54] = UInt8(ascii: "=")
                output[55] = UInt8(ascii: "=")
                return 56
            }
        }
    }

    /// 32 hexadecimal digits.
    static func hexadecimal() -> String {
        [next(), next()].map { value in
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    /// The id of one invocation, in the form of a UUID of version 4.
    static func invocation() -> String {
        let digits = hexadecimal()
        func part(_ start: Int, _ count: Int) -> Substring { digits.dropFirst(start).prefix(count) }
        return "\(part(0, 8))-\(part(8, 4))-4\(part(13, 3))-8\(part(17, 3))-\(part(20, 12))"
    }
}
