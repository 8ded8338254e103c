import Synchronization

/// Words for ids that are unique and no secret: the sequence of SplitMix64, begun at random.
package enum UniqueWords {
    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// Takes some words of the sequence, which nobody else gets; one atomic addition.
    /// - Returns: the place of the first one, for ``word(_:from:)``.
    package static func take(_ count: UInt64) -> UInt64 {
        state.wrappingAdd(step &* count, ordering: .relaxed).newValue
    }

    /// The word that stands some words after a place.
    package static func word(_ number: UInt64, from place: UInt64) -> UInt64 {
        var value = place &+ step &* number
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
