import Glibc
import HTTP
import Model
import Reactor

/// What an environment is told about its function.
struct FunctionIdentity {
    let version: FunctionVersion
    let taskRoot: String
    let region: String
    let logGroup: String
}

/// One worker process: blank first, then bound to one function for life.
///
/// Confined to its reactor.
final class ExecutionEnvironment {
    /// The longest line kept of a worker's raw output.
    ///
    /// Unit: bytes.
    static let maximumLine = 256 << 10
    let child: ChildProcess
    let kind: RuntimeKind
    private let channel: FrameChannel
    private let reactor: Reactor
    private let log: @Sendable (FunctionLogLine) -> Void
    private(set) var state = EnvironmentState.booting
    private(set) var identity: FunctionIdentity?
    private(set) var logStream = ""
    private(set) var idleSince = ContinuousClock.now
    private(set) var ranOutOfMemory = false
    var currentRequest = ""
    /// How long loading took, until the first invocation has reported it.
    var initDuration: Duration?

    init(
        child: ChildProcess,
        kind: RuntimeKind,
        reactor: Reactor,
        log: @escaping @Sendable (FunctionLogLine) -> Void
    ) {
        self.child = child
        self.kind = kind
        self.reactor = reactor
        self.log = log
        channel = FrameChannel(child.channel)
        for pipe in [child.output, child.errors] {
            let confined = ReactorLocal((self, pipe))
            reactor.submit { await confined.value.0.copyOutput(of: confined.value.1) }
        }
    }

    var isAlive: Bool { state != .ended && child.exit == nil }

    /// Waits until the blank worker says that it is there.
    func waitUntilReady(until deadline: ContinuousClock.Instant) async -> Bool {
        guard case .frame(.ready, _) = await channel.next(until: deadline) else {
            stop()
            return false
        }
        return state.apply(.ready)
    }

    /// Loads a function; afterwards the environment is idle, or ended when there is a failure.
    func load(
        _ identity: FunctionIdentity,
        path: String,
        until deadline: ContinuousClock.Instant
    ) async -> LoadFailure? {
        guard state.apply(.assigned) else {
            return LoadFailure(type: "Runtime.Unknown", message: "The environment was not blank.")
        }
        self.identity = identity
        logStream = System.logStream(version: identity.version.versionText)
        let started = ContinuousClock.now
        if kind == .python { child.limitMemory(to: UInt64(identity.version.memory + 64) << 20) }
        _ = await channel.send(.initialise, initialisation(identity, path: path), until: deadline)
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.loaded, _):
                initDuration = .now - started
                idleSince = .now
                _ = state.apply(.loaded)
                return nil
            case .frame(.loadFailed, let payload):
                stop()
                return decodeFailure(payload)
            case .frame(.log, let payload): record(frame: payload)
            case .timedOut:
                stop()
                return LoadFailure(
                    type: "Sandbox.Timedout",
                    message: "The function's static code took longer than the limit for loading."
                )
            case .ended:
                return LoadFailure(
                    type: "Runtime.ExitError",
                    message: "Error: " + (await exitText())
                )
            case .frame, .oversized: continue
            }
        }
    }

    /// How one call of the worker ended.
    enum Answer {
        case response(Bytes), failed(Bytes), fatal(Bytes), oversized(Int), timedOut, exited
    }

    /// Runs one invocation; the environment stays idle only after `response`, `failed` and `oversized`.
    func invoke(
        _ payload: Bytes,
        requestID: String,
        until deadline: ContinuousClock.Instant,
        deadlineMilliseconds: Int64
    ) async -> Answer {
        guard let identity, state.apply(.invoked) else { return .exited }
        currentRequest = requestID
        let id = Array(requestID.utf8.prefix(255))
        let arn = Array(identity.version.arn.utf8)
        var head: [UInt8] = []
        head.reserveCapacity(32 + id.count + arn.count)
        head.append(littleEndian: UInt64(max(0, deadlineMilliseconds)))
        head.append(UInt8(id.count))
        head += id
        head.append(littleEndian: UInt16(truncatingIfNeeded: arn.count))
        head += arn
        head.append(littleEndian: UInt32(0))
        guard await channel.send(.invoke, head, payload, until: deadline) else {
            return await failedTransfer(deadline)
        }
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.response, let bytes): return becomeIdle(.response(bytes))
            case .frame(.failed, let bytes): return becomeIdle(.failed(bytes))
            case .oversized(let size): return becomeIdle(.oversized(size))
            case .frame(.fatal, let bytes):
                stop()
                return .fatal(bytes)
            case .frame(.log, let bytes): record(frame: bytes)
            case .frame: continue
            case .timedOut:
                stop()
                return .timedOut
            case .ended: return .exited
            }
        }
    }

    private func failedTransfer(_ deadline: ContinuousClock.Instant) async -> Answer {
        let late = ContinuousClock.now >= deadline
        if late { stop() }
        return late ? .timedOut : .exited
    }

    private func becomeIdle(_ answer: Answer) -> Answer {
        _ = state.apply(.answered)
        currentRequest = ""
        idleSince = .now
        return answer
    }

    /// Kills the whole process group; the descriptors close when the process is gone.
    func stop() {
        guard state.apply(.stopped) else { return }
        child.kill()
        let confined = ReactorLocal(child)
        reactor.submit {
            _ = await confined.value.waitForExit()
            confined.value.close()
        }
    }

    /// Waits for the end of the process and says how it ended, in Lambda's words.
    func exitText() async -> String {
        let exit = await child.waitForExit()
        stop()
        switch exit {
        case .status(0): return "Runtime exited without providing a reason"
        case .status(let code): return "Runtime exited with error: exit status \(code)"
        case .signal(let number):
            if kind == .node, number == SIGABRT { ranOutOfMemory = true }
            let name =
                number == SIGKILL || ranOutOfMemory ? "killed" : String(cString: strsignal(number))
            return "Runtime exited with error: signal: \(name.lowercased())"
        }
    }

    /// Writes a line of the platform or the function to the log.
    func write(_ text: String, requestID: String) {
        log(
            FunctionLogLine(
                function: identity?.version.qualifiedName ?? "",
                group: identity?.logGroup ?? "",
                stream: logStream,
                requestID: requestID.isEmpty ? nil : requestID,
                timestamp: System.milliseconds,
                text: text
            )
        )
    }

    private func record(frame: Bytes) {
        guard let size = frame.first, frame.count > Int(size) else { return }
        let rest = frame.dropFirst()
        write(
            String(decoding: rest.dropFirst(Int(size)), as: UTF8.self),
            requestID: String(decoding: rest.prefix(Int(size)), as: UTF8.self)
        )
    }

    private func copyOutput(of pipe: Readiness) async {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        defer { buffer.deallocate() }
        var line: [UInt8] = []
        while case .bytes(let count) = await pipe.readSome(into: buffer) {
            for byte in buffer[..<count] {
                if byte == 10 || line.count >= Self.maximumLine {
                    write(String(decoding: line, as: UTF8.self), requestID: currentRequest)
                    line.removeAll(keepingCapacity: true)
                }
                if byte != 10 { line.append(byte) }
            }
        }
        if !line.isEmpty { write(String(decoding: line, as: UTF8.self), requestID: currentRequest) }
    }

    private func decodeFailure(_ payload: Bytes) -> LoadFailure {
        var reader = FrameReader(left: payload)
        let line = reader.number() ?? 0
        let column = reader.number() ?? 0
        var failure = LoadFailure(
            type: reader.text() ?? "Runtime.Unknown",
            message: reader.text() ?? ""
        )
        failure.file = reader.text() ?? ""
        failure.line = line
        failure.column = column
        if !reader.left.isEmpty { failure.payload = Array(reader.left) }
        return failure
    }

    private func initialisation(_ identity: FunctionIdentity, path: String) -> [UInt8] {
        let version = identity.version
        let variables = WorkerEnvironment.variables(identity, logStream: logStream, path: path)
        let pairs = variables.sorted { $0.key < $1.key }.map {
            ErrorPayload.quote($0.key) + ":" + ErrorPayload.quote($0.value)
        }
        let major = version.runtime.dropFirst("nodejs".count).prefix { $0.isNumber }
        let modern = kind == .node && (Int(major) ?? 0) >= 24
        let fields = [
            "\"taskRoot\":" + ErrorPayload.quote(identity.taskRoot),
            "\"handler\":" + ErrorPayload.quote(version.handler),
            "\"name\":" + ErrorPayload.quote(version.name),
            "\"version\":\"\(version.versionText)\"",
            "\"memory\":\(version.memory)",
            "\"heap\":\(version.memory)",
            "\"modern\":\(modern)",
            "\"logGroup\":" + ErrorPayload.quote(identity.logGroup),
            "\"logStream\":" + ErrorPayload.quote(logStream),
            "\"environment\":{" + pairs.joined(separator: ",") + "}",
        ]
        return Array(("{" + fields.joined(separator: ",") + "}").utf8)
    }
}

/// The environment variables of a function's process.
enum WorkerEnvironment {
    static func variables(
        _ identity: FunctionIdentity,
        logStream: String,
        path: String
    ) -> [String: String] {
        let version = identity.version
        var all = [
            "PATH": path, "LANG": "en_US.UTF-8", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "NODE_PATH": "\(identity.taskRoot)/node_modules", "PYTHONPATH": identity.taskRoot,
        ]
        all.merge(version.environment) { $1 }
        let reserved = [
            "_HANDLER": version.handler, "AWS_REGION": identity.region,
            "AWS_DEFAULT_REGION": identity.region,
            "AWS_EXECUTION_ENV": "AWS_Lambda_\(version.runtime)",
            "AWS_LAMBDA_FUNCTION_NAME": version.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(version.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": version.versionText,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": identity.logGroup,
            "AWS_LAMBDA_LOG_STREAM_NAME": logStream,
            "LAMBDA_TASK_ROOT": identity.taskRoot, "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "TZ": ":UTC",
        ]
        return all.merging(reserved) { $1 }
    }
}
