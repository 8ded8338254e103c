import Glibc
import HTTP
import Synchronization

/// Splits queries without decoding them.
enum QueryText {
    /// Keys and values in order, as sent.
    static func pairs(_ query: String?) -> [(key: String, value: String)] {
        guard let query, !query.isEmpty else { return [] }
        return query.split(separator: "&").map { piece in
            guard let sign = piece.firstIndex(of: "=") else { return (String(piece), "") }
            return (String(piece[..<sign]), String(piece[piece.index(after: sign)...]))
        }
    }

    /// The values of each key, keys in the order of their first use.
    static func grouped(
        _ pairs: [(key: String, value: String)]
    ) -> [(key: String, values: [String])] {
        var groups: [(key: String, values: [String])] = []
        var places: [String: Int] = [:]
        for (key, value) in pairs {
            if let place = places[key] {
                groups[place].values.append(value)
            } else {
                places[key] = groups.count
                groups.append((key, [value]))
            }
        }
        return groups
    }
}

/// Percent-encoding.
enum PercentText {
    /// The decoded text; escapes that are broken, or would not make UTF-8, stay as they are.
    static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String {
        let source = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(source.count)
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
                let high = hexadecimal(source[index + 1]), let low = hexadecimal(source[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(
                    plusIsSpace && source[index] == UInt8(ascii: "+") ? 32 : source[index]
                )
                index += 1
            }
        }
        return String(validating: result, as: UTF8.self) ?? String(text)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

/// Base64 of RFC 4648 §4, strict when reading.
enum Base64Text {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, byte) in alphabet.enumerated() { table[Int(byte)] = UInt8(value) }
        return table
    }()

    static func encode(_ bytes: Bytes) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let count = min(3, bytes.endIndex - index)
            var group = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < count ? Int(bytes[index + offset]) : 0)
            }
            for place in 0..<4 {
                let digit = alphabet[(group >> (18 - 6 * place)) & 63]
                result.append(place <= count ? digit : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// Nil for anything but whole groups of the alphabet; line breaks are refused.
    static func decode(_ text: String) -> [UInt8]? {
        var source = Array(text.utf8)
        guard source.count % 4 == 0 else { return nil }
        var padding = 0
        while padding < 2, source.last == UInt8(ascii: "=") {
            source.removeLast()
            padding += 1
        }
        var result: [UInt8] = []
        result.reserveCapacity(source.count * 3 / 4)
        var group: UInt32 = 0
        var bits = 0
        for byte in source {
            let value = values[Int(byte)]
            guard value != 255 else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        return result
    }
}

/// Ids that need to be unique, not secret: one atomic step and a mix (SplitMix64).
enum QuickRandom {
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    static func next() -> UInt64 {
        var value = state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    /// Lower-case hexadecimal digits.
    static func hexadecimal(_ count: Int) -> String {
        var text: [UInt8] = []
        while text.count < count {
            var value = next()
            for _ in 0..<min(16, count - text.count) {
                text.append(Array("0123456789abcdef".utf8)[Int(value & 15)])
                value >>= 4
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `JCJJxhz4PHcEJgQ=`: an API Gateway request id.
    static func gatewayID() -> String {
        var bytes: [UInt8] = []
        for value in [next(), next()] {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift)))
            }
        }
        return Base64Text.encode(bytes[..<11])
    }

    /// `xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx`.
    static func uuid() -> String {
        let digits = hexadecimal(30)
        func part(_ start: Int, _ count: Int) -> Substring { digits.dropFirst(start).prefix(count) }
        return "\(part(0, 8))-\(part(8, 4))-4\(part(12, 3))-8\(part(15, 3))-\(part(18, 12))"
    }
}

/// The wall clock in the forms that events carry.
enum EventTime {
    /// Unit: milliseconds since 1970.
    static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// The date and time of day in UTC.
    struct Parts {
        var year: Int
        var month: Int
        var day: Int
        var hour: Int
        var minute: Int
        var second: Int
    }

    /// Takes seconds since 1970 apart.
    static func parts(_ seconds: Int) -> Parts {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return Parts(
            year: Int(parts.tm_year) + 1900,
            month: Int(parts.tm_mon) + 1,
            day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min),
            second: Int(parts.tm_sec)
        )
    }

    /// Unit: microseconds since 1970.
    static func nowMicroseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// `2024-01-20T11:54:57.419Z`.
    static func iso(_ milliseconds: Int) -> String {
        let parts = parts(milliseconds / 1000)
        func padded(_ value: Int, _ width: Int) -> String {
            BalancerLogEntry.padded(value, width)
        }
        return "\(parts.year)-\(padded(parts.month, 2))-\(padded(parts.day, 2))T"
            + "\(padded(parts.hour, 2)):\(padded(parts.minute, 2)):\(padded(parts.second, 2))"
            + ".\(padded(milliseconds % 1000, 3))Z"
    }

    /// `14/Apr/2025:22:13:56 +0000`.
    static func commonLog(_ milliseconds: Int) -> String {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let parts = parts(milliseconds / 1000)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(two(parts.day))/\(months[parts.month - 1])/\(parts.year):"
            + "\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)) +0000"
    }
}

extension PercentText {
    /// A decoded path, slashes kept, in a form that may stand in a URL.
    static func encodePath(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 45...57, 64...90, 95, 97...122, 126, 33, 36, 38...44, 58, 59, 61:
                result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
