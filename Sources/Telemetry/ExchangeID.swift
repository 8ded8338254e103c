import Synchronization

/// The id of one viewer's request, as `X-Amz-Cf-Id` carries it: unique, cheap to make and no secret.
///
/// It is a number until somebody reads it: most requests need its characters only in the head of their answer, where
/// ``write(to:)`` puts them without a text in between.
package struct ExchangeID: Sendable, Equatable {
    /// Where the words of this id start in the sequence of SplitMix64; 0 for none.
    private let seed: UInt64

    private init(seed: UInt64) { self.seed = seed }

    /// What a request has whose door gives no ids; its text is empty.
    package static let none = ExchangeID(seed: 0)

    /// How many characters an id has: 40 bytes as Base64 with its padding.
    package static let length = 56

    private static let words: UInt64 = 6
    private static let digitsPerWord = 9
    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))
    private static let digits: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    /// The next id; one atomic addition.
    package static func make() -> ExchangeID {
        ExchangeID(seed: state.wrappingAdd(step &* words, ordering: .relaxed).newValue)
    }

    /// Writes the `length` characters of an id that is not ``none``: Base64 of the alphabet for URLs (RFC 4648 §5).
    package func write(to output: UnsafeMutablePointer<UInt8>) {
        let digits = Self.digits.utf8Start
        var place = output
        var word: UInt64 = 0
        // 54 digits carry 40 bytes: nine to a word, the last in the high bits of its six.
        for number in 0..<Self.words {
            word = Self.mixed(seed &+ Self.step &* number)
            for _ in 0..<Self.digitsPerWord {
                place.pointee = digits[Int(truncatingIfNeeded: word & 0x3F)]
                place += 1
                word >>= 6
            }
        }
        output[Self.length - 3] = digits[Int(truncatingIfNeeded: word & 0x30)]
        output[Self.length - 2] = UInt8(ascii: "=")
        output[Self.length - 1] = UInt8(ascii: "=")
    }

    /// SplitMix64's value at a place of its sequence.
    private static func mixed(_ place: UInt64) -> UInt64 {
        var value = place
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

extension ExchangeID: CustomStringConvertible {
    package var description: String {
        if self == .none { return "" }
        return String(unsafeUninitializedCapacity: Self.length) { output in
            guard let place = output.baseAddress else { return 0 }
            write(to: place)
            return Self.length
        }
    }
}

extension ExchangeID: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
