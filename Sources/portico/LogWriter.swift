import Executor
import Foundation
import Synchronization

/// Writes log lines to standard error, one system call each, as text or JSON.
final class LogWriter: Sendable {
    /// How grave a line is.
    enum Level: String { case info = "INFO", warning = "WARN", error = "ERROR" }

    private static let timestamp = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private let asJSON: Bool
    private let turn = Mutex<Void>(())

    init(asJSON: Bool) { self.asJSON = asJSON }

    /// A line of the node itself.
    func line(_ text: String, level: Level = .info) {
        write(["level": level.rawValue, "message": text], text: text)
    }

    /// A line that a function wrote or that belongs to its invocation.
    func function(_ line: FunctionLogLine) {
        write(
            ["function": line.function, "requestId": line.requestID ?? "", "message": line.text],
            text: "[\(line.function)] \(line.text)"
        )
    }

    /// A line of an app that the template starts.
    func application(_ name: String, _ text: String) {
        write(["application": name, "message": text], text: "[\(name)] \(text)")
    }

    private func write(_ fields: [String: String], text: String) {
        var content = Data(text.utf8)
        if asJSON {
            var all = fields
            all["timestamp"] = Date().formatted(Self.timestamp)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            content = (try? encoder.encode(all)) ?? content
        }
        content.append(10)
        turn.withLock { _ in
            // A reader that has gone away must not end the node.
            try? FileHandle.standardError.write(contentsOf: content)
        }
    }
}
