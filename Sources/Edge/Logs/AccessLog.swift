import DataPlane
import Glibc
import HTTP
package import Model
import Reactor
import Synchronization
import Telemetry

/// The access logs of one edge: lines wait in memory and go to files a few seconds later.
///
/// A request only ever appends to a buffer with a bound; compressing and writing is for whoever flushes.
package final class AccessLogs: Sendable {
    /// The most bytes of lines that wait; what comes beyond them is dropped and counted.
    ///
    /// Unit: bytes.
    package static let mostWaiting = 8 << 20
    /// How long a line may wait.
    package static let interval = Duration.seconds(5)

    private struct Waiting {
        var lines: [String: [UInt8]] = [:]
        var size = 0
        var dropped = 0
        /// Files that have their first lines already.
        var begun: Set<String> = []
    }

    private let waiting = Mutex(Waiting())
    private let turn = Mutex<Void>(())
    package let format: AccessLogFormat
    /// What tells this edge's files from those of others.
    private let mark = String(RequestID.hexadecimal().prefix(8)).uppercased()
    private let complain: @Sendable (String) -> Void

    /// Makes logs that hold nothing yet; `complain` is told what could not be written.
    package init(
        format: AccessLogFormat = .w3c,
        complain: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.format = format
        self.complain = complain
    }

    /// The log of a distribution whose bucket is a folder; nil when it keeps none.
    package func log(of distribution: Distribution, in folder: String) -> AccessLog? {
        distribution.logging.map {
            AccessLog(logs: self, distribution: distribution, settings: $0, folder: folder)
        }
    }

    /// Keeps a line for a file until the next flush.
    func append(_ line: [UInt8], to path: String) {
        waiting.withLock { waiting in
            guard waiting.size + line.count <= Self.mostWaiting else {
                waiting.dropped += 1
                return
            }
            waiting.size += line.count
            waiting.lines[path, default: []] += line
        }
    }

    /// The file of an hour below a folder: `<prefix><distribution>.YYYY-MM-DD-HH.<mark>.gz`.
    func path(_ folder: String, _ prefix: String, _ distribution: String, hour: String) -> String {
        "\(folder)/\(prefix)\(distribution).\(hour).\(mark).gz"
    }

    /// Writes what waits: each time another member at the end of the hour's file (RFC 1952 §2.2).
    package func flush() {
        turn.withLock { _ in
            let (lines, dropped, fresh) = waiting.withLock { waiting in
                defer { (waiting.lines, waiting.size, waiting.dropped) = ([:], 0, 0) }
                let fresh = waiting.lines.keys.filter { !waiting.begun.contains($0) }
                // Hours pass and are not written to again.
                if waiting.begun.count > 1024 { waiting.begun = [] }
                waiting.begun.formUnion(fresh)
                return (waiting.lines, waiting.dropped, Set(fresh))
            }
            if dropped > 0 {
                complain("access logs: \(dropped) lines dropped, the disk is too slow")
            }
            for (path, text) in lines.sorted(by: { $0.key < $1.key }) {
                let heading = fresh.contains(path) ? AccessLine.heading(format) : ""
                write(Array(heading.utf8) + text, to: path)
            }
        }
    }

    private func write(_ text: [UInt8], to path: String) {
        guard let encoder = ContentEncoder(.gzip) else { return complain("access logs: no memory") }
        let bytes = encoder.encode(text[...], isLast: true)
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
        var descriptor = open(path, flags, 0o644)
        if descriptor < 0, errno == ENOENT {
            makeFolders(of: path)
            descriptor = open(path, flags, 0o644)
        }
        guard descriptor >= 0 else {
            return complain("access log \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                return complain("access log \(path): \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }

    private func makeFolders(of path: String) {
        var end = path.startIndex
        while let slash = path[end...].dropFirst().firstIndex(of: "/") {
            mkdir(String(path[..<slash]), 0o755)
            end = slash
        }
    }
}

/// The access log of one distribution at one edge.
package final class AccessLog: Sendable {
    private let logs: AccessLogs
    private let distribution: Distribution
    private let settings: DistributionLogging
    private let folder: String

    init(
        logs: AccessLogs,
        distribution: Distribution,
        settings: DistributionLogging,
        folder: String
    ) {
        self.logs = logs
        self.distribution = distribution
        self.settings = settings
        self.folder = folder
    }

    /// Writes an entry once the exchange has ended and its record is whole.
    func write(_ entry: AccessEntry, _ record: AccessRecord) {
        let line = AccessLine.text(
            entry,
            record,
            logs.format,
            includesCookies: settings.includesCookies
        )
        let end = record.startedAt + Double(record.durationMicroseconds) / 1e6
        let hour = LogTime(end).hour
        logs.append(
            line,
            to: logs.path(folder, settings.prefix, distribution.id, hour: hour)
        )
    }
}

/// What an exchange carries to its end, where the record is known.
final class PendingAccess: AccessAttachment {
    private let log: AccessLog?
    private let realTime: RealTimeLog?
    private let entry: AccessEntry
    private let reactor: Reactor

    init(_ log: AccessLog?, _ realTime: RealTimeLog?, _ entry: AccessEntry, _ reactor: Reactor) {
        self.log = log
        self.realTime = realTime
        self.entry = entry
        self.reactor = reactor
    }

    func finish(_ record: AccessRecord) {
        log?.write(entry, record)
        realTime?.write(entry, record, on: reactor)
    }
}
