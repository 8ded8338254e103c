import Crypto
package import DataPlane
import Glibc
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Telemetry

/// Where the records of a stream go.
///
/// Text forms: a path, `http://…` for lines in the body of a POST, `kinesis+http://…` for calls of PutRecords.
package enum StreamTarget: Sendable, Hashable {
    case file(String)
    case lines(UpstreamTarget, path: String)
    case kinesis(UpstreamTarget, path: String)

    /// Reads a text form; a path that is not absolute starts at a folder.
    package init(_ text: String, in folder: String) {
        let isKinesis = text.hasPrefix("kinesis+")
        let rest = isKinesis ? String(text.dropFirst(8)) : text
        guard let (target, path) = Self.address(rest) else {
            self = .file(text.hasPrefix("/") ? text : folder + "/" + text)
            return
        }
        self = isKinesis ? .kinesis(target, path: path) : .lines(target, path: path)
    }

    private static func address(_ text: String) -> (UpstreamTarget, String)? {
        let isTLS = text.hasPrefix("https://")
        guard isTLS || text.hasPrefix("http://") else { return nil }
        let rest = text.dropFirst(isTLS ? 8 : 7)
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        var host = String(authority)
        var port = isTLS ? 443 : 80
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]"),
            let number = Int(authority[authority.index(after: colon)...])
        {
            host = String(authority[..<colon])
            port = number
        }
        host = host.filter { $0 != "[" && $0 != "]" }
        guard !host.isEmpty else { return nil }
        return (
            UpstreamTarget(host: host, port: port, isTLS: isTLS), path.isEmpty ? "/" : String(path)
        )
    }
}

/// The real-time logs of a process: records wait in memory, one task for each stream sends them on.
///
/// A request only ever appends to a buffer with a bound.
package final class RealTimeLogs: Sendable {
    /// The most bytes of records that wait for one stream; what comes beyond them is dropped and counted.
    ///
    /// Unit: bytes.
    package static let mostWaiting = 4 << 20
    /// The most records of one call.
    ///
    /// Source: Kinesis API, "PutRecords".
    package static let mostInCall = 500
    /// The most streams.
    package static let mostStreams = 100

    /// What one stream was given.
    package struct Counts: Sendable, Hashable {
        package var sent = 0
        package var dropped = 0
        package var failed = 0
    }

    private struct Stream {
        var target: StreamTarget
        var records: [[UInt8]] = []
        var size = 0
        var isSending = false
        var waiters: [UnsafeContinuation<Void, Never>] = []
        var counts = Counts()
    }

    private let streams = Mutex<[String: Stream]>([:])
    private let pool = BlockingPool(threads: 1)
    private let complain: @Sendable (String) -> Void

    /// Makes logs that hold nothing; `complain` is told what could not be delivered.
    package init(complain: @escaping @Sendable (String) -> Void = { _ in }) {
        self.complain = complain
    }

    /// What a stream was given so far.
    package func counts(of stream: String) -> Counts {
        streams.withLock { $0[stream]?.counts ?? Counts() }
    }

    /// Takes a record for a stream and sees to it that somebody sends it.
    func append(_ record: [UInt8], to stream: String, at target: StreamTarget, on reactor: Reactor)
    {
        let begins = streams.withLock { streams -> Bool in
            if streams[stream] == nil, streams.count >= Self.mostStreams { return false }
            var found = streams[stream] ?? Stream(target: target)
            defer { streams[stream] = found }
            found.target = target
            guard found.size + record.count <= Self.mostWaiting else {
                found.counts.dropped += 1
                return false
            }
            found.records.append(record)
            found.size += record.count
            defer { found.isSending = true }
            return !found.isSending
        }
        guard begins else { return }
        reactor.submit { [self] in await deliver(stream, on: reactor) }
    }

    /// Sends what waits until nothing does.
    private func deliver(_ stream: String, on reactor: Reactor) async {
        while let (target, records) = take(stream) {
            let problem = await send(records, to: target, stream, on: reactor)
            streams.withLock { streams in
                if problem == nil {
                    streams[stream]?.counts.sent += records.count
                } else {
                    streams[stream]?.counts.failed += records.count
                }
            }
            if let problem { complain("real-time log \(stream): \(problem)") }
        }
    }

    /// Waits until every record that was taken so far has been sent, or has failed.
    package func flush() async {
        for stream in streams.withLock({ Array($0.keys) }) {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                let isSending = streams.withLock { streams in
                    guard streams[stream]?.isSending == true else { return false }
                    streams[stream]?.waiters.append(continuation)
                    return true
                }
                if !isSending { continuation.resume() }
            }
        }
    }

    private func take(_ stream: String) -> (StreamTarget, [[UInt8]])? {
        var waiters: [UnsafeContinuation<Void, Never>] = []
        defer { for waiter in waiters { waiter.resume() } }
        return streams.withLock { streams in
            guard var found = streams[stream], !found.records.isEmpty else {
                streams[stream]?.isSending = false
                waiters = streams[stream]?.waiters ?? []
                streams[stream]?.waiters = []
                return nil
            }
            let taken = Array(found.records.prefix(Self.mostInCall))
            found.records.removeFirst(taken.count)
            found.size -= taken.reduce(0) { $0 + $1.count }
            streams[stream] = found
            return (found.target, taken)
        }
    }

    /// Sends records; gives the reason when they were not taken.
    private func send(
        _ records: [[UInt8]],
        to target: StreamTarget,
        _ stream: String,
        on reactor: Reactor
    ) async -> String? {
        switch target {
        case .file(let path):
            let bytes = records.flatMap { $0 }
            return await pool.run { Self.append(bytes, to: path) } ?? "the disk is too slow"
        case .lines(let target, let path):
            let headers: Headers = ["Content-Type": "text/tab-separated-values"]
            return await post(records.flatMap { $0 }, headers, target, path, reactor)
        case .kinesis(let target, let path):
            let entries = records.map { record -> JSONValue in
                [
                    "Data": .string(Base64.encode(record)),
                    "PartitionKey": .string(RequestID.hexadecimal()),
                ]
            }
            let body: JSONValue = ["StreamName": .string(stream), "Records": .array(entries)]
            let headers: Headers = [
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "Kinesis_20131202.PutRecords",
            ]
            return await post(body.encoded(), headers, target, path, reactor)
        }
    }

    private func post(
        _ body: [UInt8],
        _ headers: Headers,
        _ target: UpstreamTarget,
        _ path: String,
        _ reactor: Reactor
    ) async -> String? {
        var head = RequestHead(method: "POST", path: path)
        head.headers.append("Host", "\(target.host):\(target.port)")
        for (name, value) in headers { head.headers.append(name, value) }
        head.headers.append("Content-Length", String(body.count))
        do throws(Fault) {
            let response = try await ReactorContext.make(reactor: reactor).upstream.send(
                head,
                body: .bytes(body[...]),
                to: target,
                limits: UpstreamLimits(),
                link: nil
            )
            if case .stream(let source, _) = response.body {
                while try await source.read() != nil {}
            }
            return 200...299 ~= response.head.status ? nil : "status \(response.head.status)"
        } catch {
            return "\(error.kind)"
        }
    }

    private static func append(_ bytes: [UInt8], to path: String) -> String? {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC
        var descriptor = open(path, flags, 0o644)
        if descriptor < 0, errno == ENOENT {
            var end = path.startIndex
            while let slash = path[end...].dropFirst().firstIndex(of: "/") {
                mkdir(String(path[..<slash]), 0o755)
                end = slash
            }
            descriptor = open(path, flags, 0o644)
        }
        guard descriptor >= 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return "\(path): \(String(cString: strerror(errno)))" }
            rest = rest.dropFirst(count)
        }
        return nil
    }
}

/// The real-time log of one behaviour.
package final class RealTimeLog: Sendable {
    /// A stream by its name.
    package struct Destination: Sendable, Hashable {
        package var stream: String
        package var target: StreamTarget

        /// Makes a destination.
        package init(stream: String, target: StreamTarget) {
            self.stream = stream
            self.target = target
        }
    }

    private let logs: RealTimeLogs
    /// In the order of the reference.
    private let fields: [String]
    /// Unit: percent.
    private let rate: Int
    private let destinations: [Destination]
    /// A number from 0 to 100.
    private let draw: @Sendable () -> Double

    /// Makes a log of chosen fields.
    package init(
        logs: RealTimeLogs,
        fields: [String],
        rate: Int,
        destinations: [Destination],
        draw: @escaping @Sendable () -> Double = { Double.random(in: 0..<100) }
    ) {
        self.logs = logs
        self.fields = RealTimeFieldNames.all.filter(fields.contains)
        self.rate = rate
        self.destinations = destinations
        self.draw = draw
    }

    /// Whether this request is one of those that are written.
    func isChosen() -> Bool { draw() < Double(rate) }

    /// Writes the record of an exchange that has ended.
    func write(_ entry: AccessEntry, _ record: AccessRecord, on reactor: Reactor) {
        let values = RealTimeFields.values(entry, record)
        var line: [UInt8] = []
        for (index, field) in fields.enumerated() {
            if index > 0 { line.append(9) }
            AccessLine.append(values[field], to: &line)
        }
        line.append(10)
        for destination in destinations {
            logs.append(line, to: destination.stream, at: destination.target, on: reactor)
        }
    }
}
