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
    let channel: FrameChannel
    let reactor: Reactor
    private var logged = 0
    /// Names the current call; answers to others are late or second ones.
    private var serial: UInt32 = 0

    init(_ child: ChildProcess, reactor: Reactor) {
        channel = FrameChannel(child.channel)
        self.reactor = reactor
    }

    /// Waits until the blank worker says that it is there; gives the version of its interpreter.
    func waitUntilBlank(until deadline: MonotonicInstant) async -> String? {
        guard case .frame(.ready, let version) = await channel.next(until: deadline) else {
            return nil
        }
        return String(decoding: version, as: UTF8.self)
    }

    func initialise(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String,
        until deadline: MonotonicInstant
    ) async -> Initialisation {
        let isCopy = environment.origin == .restored
        var frame = FrameChannel.frame(isCopy ? .restore : .initialise, reserving: 4096)
        frame +=
            isCopy
            ? restoration(environment, identity)
            : initialisation(environment, identity, path: path)
        guard await channel.send(frame, until: deadline) else {
            return reactor.preciseTime >= deadline ? .timedOut : .ended
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
        until deadline: MonotonicInstant
    ) async -> Answer {
        serial &+= 1
        guard await channel.send(head(of: call), call.payload, until: deadline) else {
            return reactor.preciseTime >= deadline ? .timedOut : .exited
        }
        var collected: Bytes?
        while true {
            let type: FrameType
            let frame: Bytes
            switch await channel.next(until: deadline) {
            case .frame(.log, let bytes):
                guard await record(bytes, environment, deadline) else { return .timedOut }
                continue
            case .frame(.fatal, let bytes): return .fatal(bytes)
            case .frame(let found, let bytes):
                guard let content = answer(bytes) else { continue }
                (type, frame) = (found, content)
            case .oversized(let size): return .oversized(size - Self.serialSize)
            case .timedOut: return .timedOut
            case .ended: return .exited
            }
            switch type {
            case .response: return .response(frame)
            case .failed: return .failed(frame)
            case .streamStart:
                collected = []
                call.stream?.begin(contentType: String(decoding: frame, as: UTF8.self))
            case .streamData:
                if let stream = call.stream {
                    guard await stream.write(frame, until: deadline) else { return .timedOut }
                } else if let count = collected?.count, count <= FrameChannel.maximumFrame {
                    collected?.append(contentsOf: frame)
                }
            case .streamEnd: return finish(call, collected, frame)
            default: continue
            }
        }
    }

    private static let serialSize = 4

    /// What an answer says; nil when it is for another call.
    private func answer(_ frame: Bytes) -> Bytes? {
        guard frame.count >= Self.serialSize else { return nil }
        let named = frame.prefix(Self.serialSize).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        return named == serial ? frame.dropFirst(Self.serialSize) : nil
    }

    private func finish(_ call: EnvironmentCall, _ collected: Bytes?, _ error: Bytes) -> Answer {
        if call.stream != nil { return .streamed(error: error.isEmpty ? nil : error) }
        return error.isEmpty ? .response(collected ?? []) : .failed(error)
    }

    var answersEarly: Bool { false }

    var hasAnnouncedOutput: Bool { channel.cameAlone }

    func becomeReady(until deadline: MonotonicInstant) async -> Bool { true }

    func takeLastWords(
        _ environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async {
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.log, let payload):
                guard await record(payload, environment, deadline) else { return }
            case .frame, .oversized: continue
            case .timedOut, .ended: return
            }
        }
    }

    func processEnded() {}

    /// Passes a log line on; false when the time is up.
    func record(
        _ frame: Bytes,
        _ environment: ExecutionEnvironment,
        _ deadline: MonotonicInstant
    ) async -> Bool {
        guard let size = frame.first, frame.count > Int(size) else { return true }
        let rest = frame.dropFirst()
        environment.writeOutput(
            String(decoding: rest.dropFirst(Int(size)), as: UTF8.self),
            requestID: String(decoding: rest.prefix(Int(size)), as: UTF8.self)
        )
        logged += frame.count
        guard logged > Self.logBurst else { return true }
        logged = 0
        await reactor.sleep(for: .milliseconds(1))
        return reactor.preciseTime < deadline
    }

    private func head(of call: EnvironmentCall) -> [UInt8] {
        var head = FrameChannel.frame(.invoke, reserving: 320)
        head.append(littleEndian: serial)
        head.append(littleEndian: UInt64(max(0, call.deadlineMilliseconds)))
        append(call.requestID, to: &head)
        append(call.arn, to: &head)
        append(call.clientContext, to: &head)
        append(call.identity, to: &head)
        append(call.traceID, to: &head)
        return head
    }

    private func append(_ text: String, to head: inout [UInt8]) {
        head.append(littleEndian: UInt32(text.utf8.count))
        head.append(contentsOf: text.utf8)
    }

    private func initialisation(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String
    ) -> [UInt8] {
        let version = identity.version
        var variables = identity.variables(
            logStream: environment.logStream,
            path: path,
            initialization: environment.initialization
        )
        variables["AWS_LAMBDA_RUNTIME_API"] = environment.api?.address
        let isSnapshot = environment.origin == .snapshot
        if isSnapshot {
            for name in FunctionIdentity.absentWithSnapStart { variables[name] = nil }
            variables.merge(Self.keys(environment, identity)) { $1 }
        }
        let major = version.runtime.dropFirst("nodejs".count).prefix { $0.isNumber }
        let modern = environment.kind == .node && (Int(major) ?? 0) >= 24
        let paths = identity.pythonPaths.map(ErrorPayload.quote).joined(separator: ",")
        let debug = environment.debug.map { ["\"debugPort\":\($0.number)"] } ?? []
        let fields =
            debug + [
                "\"taskRoot\":" + ErrorPayload.quote(identity.taskRoot),
                "\"handler\":" + ErrorPayload.quote(version.handler),
                "\"name\":" + ErrorPayload.quote(identity.name),
                "\"version\":\"\(identity.versionText)\"",
                "\"memory\":\(version.memory)",
                "\"heap\":\(version.memory)",
                "\"modern\":\(modern)",
                "\"logGroup\":" + (isSnapshot ? "null" : ErrorPayload.quote(identity.logGroup)),
                "\"logStream\":"
                    + (isSnapshot ? "null" : ErrorPayload.quote(environment.logStream)),
                "\"snapshot\":\(isSnapshot)",
                "\"paths\":[\(paths)]",
                "\"environment\":" + Self.object(variables),
            ]
        return Array(("{" + fields.joined(separator: ",") + "}").utf8)
    }

    static func object(_ variables: [String: String]) -> String {
        let pairs = variables.sorted { $0.key < $1.key }.map {
            ErrorPayload.quote($0.key) + ":" + ErrorPayload.quote($0.value)
        }
        return "{" + pairs.joined(separator: ",") + "}"
    }
}
