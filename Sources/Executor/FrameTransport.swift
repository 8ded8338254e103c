import HTTP
import Model
import Reactor

/// Speaks frames with a built-in worker.
///
/// Confined to its reactor.
final class FrameTransport: WorkerTransport {
    /// How many bytes of log lines are taken in a row before others get their turn.
    ///
    /// Unit: bytes.
    static let logBurst = 256 << 10
    private let channel: FrameChannel
    private let reactor: Reactor
    private var logged = 0

    init(_ child: ChildProcess, reactor: Reactor) {
        channel = FrameChannel(child.channel)
        self.reactor = reactor
    }

    /// Waits until the blank worker says that it is there; gives the version of its interpreter.
    func waitUntilBlank(until deadline: ContinuousClock.Instant) async -> String? {
        guard case .frame(.ready, let version) = await channel.next(until: deadline) else {
            return nil
        }
        return String(decoding: version, as: UTF8.self)
    }

    func initialise(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String,
        until deadline: ContinuousClock.Instant
    ) async -> Initialisation {
        let settings = initialisation(environment, identity, path: path)
        guard await channel.send(.initialise, settings, until: deadline) else {
            return ContinuousClock.now >= deadline ? .timedOut : .ended
        }
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.loaded, _): return .loaded
            case .frame(.loadFailed, let payload):
                return LoadFailure(frame: payload).map { .failed($0) } ?? .ended
            case .frame(.log, let payload):
                guard await record(payload, environment, deadline) else { return .timedOut }
            case .frame, .oversized: continue
            case .timedOut: return .timedOut
            case .ended: return .ended
            }
        }
    }

    func invoke(
        _ call: EnvironmentCall,
        _ environment: ExecutionEnvironment,
        until deadline: ContinuousClock.Instant
    ) async -> Answer {
        guard await channel.send(.invoke, head(of: call), call.payload, until: deadline) else {
            return ContinuousClock.now >= deadline ? .timedOut : .exited
        }
        var collected: Bytes?
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.response, let bytes): return .response(bytes)
            case .frame(.failed, let bytes): return .failed(bytes)
            case .frame(.fatal, let bytes): return .fatal(bytes)
            case .oversized(let size): return .oversized(size)
            case .frame(.log, let bytes):
                guard await record(bytes, environment, deadline) else { return .timedOut }
            case .frame(.streamStart, let type):
                collected = []
                call.stream?.begin(contentType: String(decoding: type, as: UTF8.self))
            case .frame(.streamData, let bytes):
                if let stream = call.stream {
                    guard await stream.write(bytes, until: deadline) else { return .timedOut }
                } else if let count = collected?.count, count <= FrameChannel.maximumFrame {
                    collected?.append(contentsOf: bytes)
                }
            case .frame(.streamEnd, let error): return finish(call, collected, error)
            case .frame: continue
            case .timedOut: return .timedOut
            case .ended: return .exited
            }
        }
    }

    private func finish(_ call: EnvironmentCall, _ collected: Bytes?, _ error: Bytes) -> Answer {
        if call.stream != nil { return .streamed(error: error.isEmpty ? nil : error) }
        return error.isEmpty ? .response(collected ?? []) : .failed(error)
    }

    var answersEarly: Bool { false }

    func becomeReady(until deadline: ContinuousClock.Instant) async -> Bool { true }

    func processEnded() {}

    /// Passes a log line on; false when the time is up.
    private func record(
        _ frame: Bytes,
        _ environment: ExecutionEnvironment,
        _ deadline: ContinuousClock.Instant
    ) async -> Bool {
        guard let size = frame.first, frame.count > Int(size) else { return true }
        let rest = frame.dropFirst()
        environment.write(
            String(decoding: rest.dropFirst(Int(size)), as: UTF8.self),
            requestID: String(decoding: rest.prefix(Int(size)), as: UTF8.self)
        )
        logged += frame.count
        guard logged > Self.logBurst else { return true }
        logged = 0
        await reactor.sleep(for: .milliseconds(1))
        return ContinuousClock.now < deadline
    }

    private func head(of call: EnvironmentCall) -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(256)
        head.append(littleEndian: UInt64(max(0, call.deadlineMilliseconds)))
        for text in [call.requestID, call.arn, call.clientContext, call.identity, call.traceID] {
            head.append(littleEndian: UInt32(text.utf8.count))
            head += text.utf8
        }
        return head
    }

    private func initialisation(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String
    ) -> [UInt8] {
        let version = identity.version
        let variables = identity.variables(logStream: environment.logStream, path: path)
        let pairs = variables.sorted { $0.key < $1.key }.map {
            ErrorPayload.quote($0.key) + ":" + ErrorPayload.quote($0.value)
        }
        let major = version.runtime.dropFirst("nodejs".count).prefix { $0.isNumber }
        let modern = environment.kind == .node && (Int(major) ?? 0) >= 24
        let paths = identity.pythonPaths.map(ErrorPayload.quote).joined(separator: ",")
        let fields = [
            "\"taskRoot\":" + ErrorPayload.quote(identity.taskRoot),
            "\"handler\":" + ErrorPayload.quote(version.handler),
            "\"name\":" + ErrorPayload.quote(identity.name),
            "\"version\":\"\(version.versionText)\"",
            "\"memory\":\(version.memory)",
            "\"heap\":\(version.memory)",
            "\"modern\":\(modern)",
            "\"logGroup\":" + ErrorPayload.quote(identity.logGroup),
            "\"logStream\":" + ErrorPayload.quote(environment.logStream),
            "\"paths\":[\(paths)]",
            "\"environment\":{" + pairs.joined(separator: ",") + "}",
        ]
        return Array(("{" + fields.joined(separator: ",") + "}").utf8)
    }
}
