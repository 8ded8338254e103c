/// One line that a function or the platform wrote.
///
/// Made for every invocation and read by few: the platform's own lines are put into words when they are read.
package struct FunctionLogLine: Sendable {
    /// Where an environment's lines belong; one for all of its lines.
    final class Place: Sendable {
        let function: String
        let group: String
        let stream: String
        let edge: String?

        init(function: String, group: String, stream: String, edge: String? = nil) {
            self.function = function
            self.group = group
            self.stream = stream
            self.edge = edge
        }

        /// The place of lines of a process that has no function yet.
        static let none = Place(function: "", group: "", stream: "")
    }

    /// What a line says.
    enum Words: Sendable {
        case text(String)
        case start(version: String)
        case end
        case report(InvocationReport)
    }

    private let place: Place
    private let words: Words
    /// Nil when the line belongs to no invocation.
    package let requestID: String?
    /// Unit: milliseconds since 1970.
    package let timestamp: Int64

    init(_ place: Place, _ words: Words, requestID: String?, timestamp: Int64) {
        self.place = place
        self.words = words
        self.requestID = requestID
        self.timestamp = timestamp
    }

    /// The qualified function.
    package var function: String { place.function }
    package var group: String { place.group }
    package var stream: String { place.stream }
    /// The edge on which the function runs; nil in the home region.
    package var edge: String? { place.edge }

    /// What the line occupies, about.
    ///
    /// Unit: bytes.
    var cost: Int { if case .text(let text) = words { 64 + text.utf8.count } else { 160 } }

    /// The line, without its end.
    package var text: String {
        if case .text(let text) = words { return text }
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The time as `2026-01-31T10:11:12.123Z`.
    package var time: String { System.timestamp(timestamp) }

    /// Appends the line without its end.
    package func append(to bytes: inout [UInt8]) {
        switch words {
        case .text(let text): bytes.append(contentsOf: text.utf8)
        case .start(let version):
            name("START", &bytes)
            bytes.append(contentsOf: " Version: ".utf8)
            bytes.append(contentsOf: version.utf8)
        case .end: name("END", &bytes)
        case .report(let report):
            name("REPORT", &bytes)
            report.append(to: &bytes)
        }
    }

    private func name(_ word: StaticString, _ bytes: inout [UInt8]) {
        bytes.append(word)
        bytes.append(" RequestId: ")
        bytes.append(contentsOf: (requestID ?? "").utf8)
    }
}

/// What a `REPORT` line says.
///
/// Source: "Understanding the Lambda execution environment lifecycle", "Working with Lambda function logs".
struct InvocationReport: Sendable {
    /// Unit: nanoseconds.
    var duration: Int64
    /// How long loading took, when this invocation is the first.
    ///
    /// Unit: nanoseconds.
    var loading: Int64?
    /// How long restoring took, when this invocation is the first after it.
    var restoring: RestoreTime?
    /// Unit: bytes.
    var peakMemory: Int
    /// Unit: MiB.
    var memory: Int
    var status = "success"
    var errorType: String?
    /// The trace and the segment of the run, when it is kept.
    var trace: (id: String, segment: String)?

    fileprivate static let millisecond: Int64 = 1_000_000

    /// Unit: MiB, rounded up.
    var usedMemory: Int { min(memory, (peakMemory + (1 << 20) - 1) >> 20) }

    /// Unit: milliseconds, rounded up.
    var billed: Int {
        let all = duration + (loading ?? 0) + (restoring?.billed ?? 0)
        return Int((all + Self.millisecond - 1) / Self.millisecond)
    }

    /// The fields with the tabulator at the end of each, the last included.
    func append(to bytes: inout [UInt8]) {
        bytes.append("\tDuration: ")
        bytes.append(hundredthsOf: duration, unit: Self.millisecond)
        bytes.append(" ms\tBilled Duration: ")
        bytes.append(decimal: billed)
        bytes.append(" ms\tMemory Size: ")
        bytes.append(decimal: memory)
        bytes.append(" MB\tMax Memory Used: ")
        bytes.append(decimal: usedMemory)
        bytes.append(" MB\t")
        if let loading {
            bytes.append("Init Duration: ")
            bytes.append(hundredthsOf: loading, unit: Self.millisecond)
            bytes.append(" ms\t")
        }
        if let restoring {
            bytes.append("Restore Duration: ")
            bytes.append(hundredthsOf: restoring.whole, unit: Self.millisecond)
            bytes.append(" ms\tBilled Restore Duration: ")
            bytes.append(decimal: restoring.billedMilliseconds)
            bytes.append(" ms\t")
        }
        if status != "success" {
            bytes.append("Status: ")
            bytes.append(contentsOf: status.utf8)
            if let errorType {
                bytes.append("\tError Type: ")
                bytes.append(contentsOf: errorType.utf8)
            }
            bytes.append(0x09)
        }
        guard let trace else { return }
        bytes.append("\nXRAY TraceId: ")
        bytes.append(contentsOf: trace.id.utf8)
        bytes.append("\tSegmentId: ")
        bytes.append(contentsOf: trace.segment.utf8)
        bytes.append("\tSampled: true\t")
    }

    /// A time as JSON records have it: milliseconds with two decimals.
    static func text(of duration: Int64) -> String {
        var bytes: [UInt8] = []
        bytes.append(hundredthsOf: duration, unit: millisecond)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// How long an environment took to come out of its snapshot.
///
/// Source: "Monitoring for Lambda SnapStart".
struct RestoreTime: Sendable, Equatable {
    /// Unit: nanoseconds.
    var whole: Int64
    /// The part that runs the function's own code.
    ///
    /// Unit: nanoseconds.
    var billed: Int64

    /// Unit: milliseconds, rounded up.
    var billedMilliseconds: Int {
        Int((billed + InvocationReport.millisecond - 1) / InvocationReport.millisecond)
    }
}

extension [UInt8] {
    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: $0) }
    }

    /// Appends a number that is not negative, in digits.
    mutating func append(decimal number: Int) {
        var left = UInt64(Swift.max(0, number))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            repeat {
                start -= 1
                digits[start] = UInt8(truncatingIfNeeded: 48 + left % 10)
                left /= 10
            } while left > 0
            append(contentsOf: digits[start...])
        }
    }

    /// Appends an amount in a unit with two decimals, rounded.
    mutating func append(hundredthsOf amount: Int64, unit: Int64) {
        let hundredths = Int((Swift.max(0, amount) + unit / 200) / (unit / 100))
        append(decimal: hundredths / 100)
        append(UInt8(ascii: "."))
        append(UInt8(truncatingIfNeeded: 48 + hundredths / 10 % 10))
        append(UInt8(truncatingIfNeeded: 48 + hundredths % 10))
    }
}
