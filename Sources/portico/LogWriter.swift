import Executor
import Foundation
import Synchronization

/// Writes log lines to standard error, one system call each, as text or JSON.
final class LogWriter: Sendable {
    private let asJSON: Bool
    private let turn = Mutex<Void>(())

    init(asJSON: Bool) { self.asJSON = asJSON }

    /// A line of the node itself.
    func line(_ text: String) {
        write(["level": "INFO", "message": text], text: text)
    }

    /// A line that a function wrote or that belongs to its invocation.
    func function(_ line: FunctionLogLine) {
        write(
            ["function": line.function, "requestId": line.requestID ?? "", "message": line.text],
            text: "[\(line.function)] \(line.text)"
        )
    }

    private func write(_ fields: [String: String], text: String) {
        var content = Data(text.utf8)
        if asJSON {
            var all = fields
            all["timestamp"] = Date().ISO8601Format()
            content = (try? JSONEncoder().encode(all)) ?? content
        }
        content.append(10)
        turn.withLock { _ in FileHandle.standardError.write(content) }
    }
}
