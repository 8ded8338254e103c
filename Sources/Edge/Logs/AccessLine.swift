import JSON
import Model
import Telemetry

/// How access logs are written.
package enum AccessLogFormat: String, Sendable, CaseIterable {
    /// Fields between tabs under two lines that name them.
    case w3c
    /// An object for each line, with the fields that the newer form of standard logging adds.
    case json
}

/// Puts an entry into a line.
enum AccessLine {
    /// What a file begins with.
    static func heading(_ format: AccessLogFormat) -> String {
        switch format {
        case .w3c: "#Version: 1.0\n#Fields: \(AccessEntry.names.joined(separator: " "))\n"
        case .json: ""
        }
    }

    static func text(
        _ entry: AccessEntry,
        _ record: AccessRecord,
        _ format: AccessLogFormat,
        includesCookies: Bool
    ) -> [UInt8] {
        let values = entry.values(record, includesCookies: includesCookies)
        switch format {
        case .w3c:
            var line: [UInt8] = []
            for (index, value) in values.enumerated() {
                if index > 0 { line.append(9) }
                append(value, to: &line)
            }
            line.append(10)
            return line
        case .json:
            var writer = JSONWriter(reserving: 1024)
            writer.beginObject()
            for (name, value) in zip(AccessEntry.names, values) {
                writer.field(name, value ?? "-")
            }
            for (name, value) in zip(AccessEntry.realTimeNames, entry.realTimeValues(record)) {
                writer.field(name, value ?? "-")
            }
            writer.endObject()
            return writer.bytes + [10]
        }
    }

    /// A value with the bytes that logs escape; `-` for none.
    ///
    /// Source: "Configure standard logging (legacy)", encoding of special characters.
    static func append(_ value: String?, to line: inout [UInt8]) {
        guard let value, !value.isEmpty else { return line.append(UInt8(ascii: "-")) }
        for byte in value.utf8 {
            if byte <= 32 || byte >= 127 || escaped.contains(byte) {
                line.append(UInt8(ascii: "%"))
                line.append(digits[Int(byte >> 4)])
                line.append(digits[Int(byte & 15)])
            } else {
                line.append(byte)
            }
        }
    }

    private static let digits = Array("0123456789ABCDEF".utf8)
    private static let escaped = Set("<>\"#%{}|\\^~[]`'".utf8)
}
