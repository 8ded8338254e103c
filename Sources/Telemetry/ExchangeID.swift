/// The id of one viewer's request, as `X-Amz-Cf-Id` carries it: unique, cheap to make and no secret.
///
/// It is a number until somebody reads it: most requests need its characters only in the head of their answer, where
/// ``write(to:)`` puts them without a text in between.
package struct ExchangeID: Sendable, Equatable {
    /// Where the ``UniqueWords`` of this id start; 0 for none.
    private let seed: UInt64

    private init(seed: UInt64) { self.seed = seed }

    /// What a request has whose door gives no ids; its text is empty.
    package static let none = ExchangeID(seed: 0)

    /// How many characters an id has: 40 bytes as Base64 with its padding.
    package static let length = 56

    private static let words: UInt64 = 6
    private static let digitsPerWord = 9
    private static let digits: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    /// The next id; one atomic addition.
    package static func make() -> ExchangeID {
        ExchangeID(seed: UniqueWords.take(words))
    }

    /// Writes the `length` characters of an id that is not ``none``: Base64 of the alphabet for URLs (RFC 4648 §5).
    package func write(to output: UnsafeMutablePointer<UInt8>) {
        let digits = Self.digits.utf8Start
        var place = output
        var word: UInt64 = 0
        // 54 digits carry 40 bytes: nine to a word, the last in the high bits of its six.
        for number in 0..<Self.words {
            word = UniqueWords.word(number, from: seed)
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
