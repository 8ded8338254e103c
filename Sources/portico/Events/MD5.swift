/// The digest that SQS names in its events (RFC 1321); it protects nothing.
enum MD5 {
    private static let shifts: [UInt32] = [
        7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21,
    ]
    /// The sine table of section 3.4, whole.
    private static let table: [UInt32] = (0..<64).map { index in
        UInt32(truncatingIfNeeded: Int64(abs(sine(Double(index + 1))) * 4_294_967_296))
    }

    /// The sine by its series; exact enough for 32 bits after the angle is reduced.
    private static func sine(_ angle: Double) -> Double {
        let turn = 2 * Double.pi
        let reduced = angle - (angle / turn).rounded() * turn
        var term = reduced
        var sum = reduced
        for step in 1..<20 {
            term *= -reduced * reduced / Double(2 * step * (2 * step + 1))
            sum += term
        }
        return sum
    }

    /// The digest of a text's UTF-8 bytes, hexadecimal.
    static func hex(_ text: String) -> String {
        var message = Array(text.utf8)
        let length = UInt64(message.count) * 8
        message.append(0x80)
        while message.count % 64 != 56 { message.append(0) }
        for shift in stride(from: 0, to: 64, by: 8) {
            message.append(UInt8(truncatingIfNeeded: length >> UInt64(shift)))
        }
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476]
        for start in stride(from: 0, to: message.count, by: 64) {
            mix(Array(message[start..<start + 64]), into: &state)
        }
        return state.map { word in
            stride(from: 0, to: 32, by: 8).map { shift in
                let byte = UInt8(truncatingIfNeeded: word >> UInt32(shift))
                return (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
        }.joined()
    }

    private static func mix(_ block: [UInt8], into state: inout [UInt32]) {
        let words = stride(from: 0, to: 64, by: 4).map { place in
            (0..<4).reduce(UInt32(0)) { $0 | UInt32(block[place + $1]) << UInt32(8 * $1) }
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        for step in 0..<64 {
            let value: UInt32
            let word: Int
            switch step / 16 {
            case 0: (value, word) = ((b & c) | (~b & d), step)
            case 1: (value, word) = ((d & b) | (~d & c), (5 * step + 1) % 16)
            case 2: (value, word) = (b ^ c ^ d, (3 * step + 5) % 16)
            default: (value, word) = (c ^ (b | ~d), (7 * step) % 16)
            }
            let sum = a &+ value &+ table[step] &+ words[word]
            let shift = shifts[step / 16 * 4 + step % 4]
            (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
    }
}
