/// Follows the frames in a peer's bytes by their heads alone (RFC 9113 §4.1) and counts those that only
/// misbehaving peers send much of; libnghttp2 does not tell of all of them.
struct H2FrameWalk {
    /// Bytes to pass over before the next head: the rest of a payload, or of the preface.
    private var toSkip: Int
    private var head: UInt64 = 0
    private var headCount = 0

    /// - Parameter preface: how many bytes precede the first frame.
    init(preface: Int) { toSkip = preface }

    mutating func walk(_ bytes: UnsafeRawBufferPointer, _ counts: inout H2FrameCounts) {
        var position = 0
        while position < bytes.count {
            if toSkip > 0 {
                let skipped = min(toSkip, bytes.count - position)
                toSkip -= skipped
                position += skipped
                continue
            }
            // Length, type and flags are the first five bytes of nine.
            if headCount < 5 { head = head << 8 | UInt64(bytes[position]) }
            headCount += 1
            position += 1
            if headCount == 9 {
                toSkip = Int(head >> 16)
                Self.count(UInt8(head >> 8 & 0xff), flags: UInt8(head & 0xff), toSkip, &counts)
                head = 0
                headCount = 0
            }
        }
    }

    private static func count(
        _ type: UInt8,
        flags: UInt8,
        _ length: Int,
        _ counts: inout H2FrameCounts
    ) {
        // Bit 0 is END_STREAM of DATA, and ACK of SETTINGS and PING.
        let hasFirstFlag = flags & 1 != 0
        switch type {
        case 0x0: if length == 0, !hasFirstFlag { counts.emptyFrames += 1 }
        case 0x1, 0x5, 0x7: break
        case 0x2, 0x10: counts.priorities += 1
        case 0x3: counts.resets += 1
        case 0x4: if !hasFirstFlag { counts.settings += 1 }
        case 0x6: if !hasFirstFlag { counts.pings += 1 }
        case 0x8: counts.windowUpdates += 1
        case 0x9: if length == 0 { counts.emptyFrames += 1 }
        default: counts.unknownFrames += 1
        }
    }
}
