import Dispatch
import Executor
import Foundation
import JSON
import Synchronization

/// Writes log lines to standard error, as text or JSON.
///
/// The node's own lines go out at once. Those of functions wait a moment for each other, so that a busy
/// function doesn't cost a system call for each line.
final class LogWriter: Sendable {
    /// How grave a line is.
    enum Level: String { case info = "INFO", warning = "WARN", error = "ERROR" }

    private static let timestamp = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// How long a function's line may wait for others.
    private static let patience = DispatchTimeInterval.milliseconds(10)
    /// How much may wait; the line that reaches it is written by its own thread.
    ///
    /// Unit: bytes.
    private static let mostWaiting = 1 << 20

    private struct Waiting {
        var bytes: [UInt8] = []
        var isScheduled = false
    }

    private let asJSON: Bool
    private let waiting = Mutex(Waiting())
    private let turn = Mutex<Void>(())
    private let queue = DispatchQueue(label: "portico.log")

    init(asJSON: Bool) { self.asJSON = asJSON }

    /// A line of the node itself.
    func line(_ text: String, level: Level = .info) {
        append(asJSON ? json(["level": level.rawValue, "message": text]) : text)
        flush()
    }

    /// A line that a function wrote or that belongs to its invocation.
    ///
    /// It is put into words where it waits: no text is made for it.
    func function(_ line: FunctionLogLine) {
        if asJSON { return append(json(line)) }
        add { bytes in
            bytes.append(UInt8(ascii: "["))
            bytes.append(contentsOf: line.function.utf8)
            bytes.append(UInt8(ascii: "]"))
            bytes.append(UInt8(ascii: " "))
            line.append(to: &bytes)
        }
    }

    /// A line of an app that the template starts.
    func application(_ name: String, _ text: String) {
        append(asJSON ? json(["application": name, "message": text]) : "[\(name)] \(text)")
    }

    /// Writes what waits.
    func flush() {
        turn.withLock { _ in
            let bytes = waiting.withLock { waiting in
                defer { waiting.bytes = [] }
                return waiting.bytes
            }
            guard !bytes.isEmpty else { return }
            // A reader that has gone away must not end the node.
            try? FileHandle.standardError.write(contentsOf: Data(bytes))
        }
    }

    private func append(_ text: String) { add { $0.append(contentsOf: text.utf8) } }

    private func add(_ write: (inout [UInt8]) -> Void) {
        let (isFirst, isFull) = waiting.withLock { waiting in
            write(&waiting.bytes)
            waiting.bytes.append(10)
            defer { waiting.isScheduled = true }
            return (!waiting.isScheduled, waiting.bytes.count >= Self.mostWaiting)
        }
        if isFull { flush() }
        guard isFirst else { return }
        queue.asyncAfter(deadline: .now() + Self.patience) { [self] in
            waiting.withLock { $0.isScheduled = false }
            flush()
        }
    }

    private func json(_ line: FunctionLogLine) -> String {
        var json = JSONWriter(reserving: 256)
        json.beginObject()
        json.field("function", line.function)
        json.field("message", line.text)
        json.field("requestId", line.requestID ?? "")
        json.field("timestamp", line.time)
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private func json(_ fields: [String: String]) -> String {
        var all = fields
        all["timestamp"] = Date().formatted(Self.timestamp)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(all)).map { String(decoding: $0, as: UTF8.self) }
            ?? all["message"] ?? ""
    }
}
