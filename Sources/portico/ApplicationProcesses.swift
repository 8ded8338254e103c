import Foundation
import Reactor
import Synchronization
import Templates

/// The web apps that the template's metadata starts beside the node, such as a development server.
///
/// Each runs in a process group of its own, which ends with the node, even when the node is killed.
final class ApplicationProcesses: Sendable {
    /// How long a start waits until an app takes connections.
    static let readyWithin: Duration = .seconds(10)
    /// How long an app may take to end by itself.
    static let endsWithin: Duration = .seconds(3)
    /// The longest line of an app's output.
    ///
    /// Unit: bytes.
    static let maximumLine = 16_384

    private struct App {
        var start: StartCommand
        var child: ReactorLocal<ChildProcess>
        var pid: Int32
    }

    private let reactor: Reactor
    private let log: LogWriter
    private let running = Mutex<[String: App]>([:])

    init(reactor: Reactor, log: LogWriter) {
        self.reactor = reactor
        self.log = log
    }

    /// Starts what is wanted and not running, ends what is no longer wanted, and waits for the ports.
    func reconcile(_ wanted: [StartCommand], folder: String) async {
        let known = running.withLock { $0 }
        for (name, app) in known where !wanted.contains(app.start) { await stop(name) }
        for start in wanted where known[start.name]?.start != start {
            if await isListening(on: start.port) {
                log.line(
                    "\(start.name) is not started: something listens on port \(start.port) already "
                        + "and is used"
                )
                continue
            }
            await launch(start, folder: folder)
        }
    }

    private func launch(_ start: StartCommand, folder: String) async {
        // The subshell ends the group when our end of descriptor 3 is gone, however the node ended.
        let script = """
            (read -r _ <&3; kill -TERM 0) & exec 3<&-
            cd "$PORTICO_FOLDER" && exec /bin/sh -c "$PORTICO_COMMAND"
            """
        var variables = ProcessInfo.processInfo.environment
        variables["PORT"] = String(start.port)
        variables["PORTICO_FOLDER"] = folder
        variables["PORTICO_COMMAND"] = start.command
        let environment = variables.map { "\($0.key)=\($0.value)" }
        let isUp = await onReactor { [self] in
            let child: ChildProcess
            do throws(SpawnError) {
                let command = ChildProcess.Command(
                    path: "/bin/sh",
                    arguments: ["-c", script],
                    environment: environment,
                    openFiles: 0
                )
                child = try await ChildProcess.start(command, on: reactor)
            } catch {
                log.line("cannot start \(start.name): \(error.call)", level: .error)
                return false
            }
            let app = App(start: start, child: ReactorLocal(child), pid: child.pid)
            running.withLock { $0[start.name] = app }
            watch(app)
            return await waitUntilListening(start, child)
        }
        if isUp { log.line("\(start.name) listens on port \(start.port)") }
    }

    private func watch(_ app: App) {
        for pipe in [app.child.value.output, app.child.value.errors] {
            let local = ReactorLocal(pipe)
            reactor.submit { [self] in await copy(local.value, of: app.start.name) }
        }
        reactor.submit { [self] in
            let exit = await app.child.value.waitForExit()
            app.child.value.close()
            let wasWanted = running.withLock { running in
                guard running[app.start.name]?.pid == app.pid else { return false }
                running[app.start.name] = nil
                return true
            }
            if wasWanted {
                log.line("\(app.start.name) ended: \(exit)", level: .error)
            }
        }
    }

    /// Copies lines of output to the log.
    private func copy(_ pipe: Readiness, of name: String) async {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        var line: [UInt8] = []
        while true {
            let count = read(pipe.descriptor, &buffer, buffer.count)
            if count < 0, errno == EAGAIN {
                guard await pipe.readable() == .ready else { break }
                continue
            }
            guard count > 0 else { break }
            for byte in buffer[..<count] {
                if byte == 10 || line.count >= Self.maximumLine {
                    log.application(name, String(decoding: line, as: UTF8.self))
                    line.removeAll(keepingCapacity: true)
                }
                if byte != 10 { line.append(byte) }
            }
        }
        if !line.isEmpty { log.application(name, String(decoding: line, as: UTF8.self)) }
    }

    private func waitUntilListening(_ start: StartCommand, _ child: ChildProcess) async -> Bool {
        let deadline = ContinuousClock.now + Self.readyWithin
        while child.exit == nil, .now < deadline {
            if await connects(to: start.port) { return true }
            await reactor.sleep(for: .milliseconds(20))
        }
        if child.exit == nil {
            let seconds = Self.readyWithin / .seconds(1)
            log.line(
                "\(start.name) does not listen on port \(start.port) after \(Int(seconds)) s",
                level: .error
            )
        }
        return false
    }

    private func isListening(on port: Int) async -> Bool {
        await onReactor { [self] in await connects(to: port) }
    }

    /// Whether something takes connections on a port of this machine.
    private func connects(to port: Int) async -> Bool {
        for host in ["127.0.0.1", "::1"] {
            guard let address = SocketAddress(numeric: host, port: port),
                let socket = try? Socket.connect(to: address)
            else { continue }
            let readiness = reactor.register(socket.release())
            let outcome = await readiness.writable(until: .now + .seconds(1))
            let isThere = outcome == .ready && readiness.connectError() == nil
            reactor.close(readiness)
            if isThere { return true }
        }
        return false
    }

    /// Ends one app with its children, by force when it takes too long.
    private func stop(_ name: String) async {
        guard let app = running.withLock({ $0.removeValue(forKey: name) }) else { return }
        kill(-app.pid, SIGTERM)
        await onReactor { [reactor] in
            let timer = reactor.schedule(at: .now + Self.endsWithin) { app.child.value.kill() }
            _ = await app.child.value.waitForExit()
            reactor.cancel(timer)
        }
    }

    /// Ends every app with its children.
    func stopAll() async {
        for name in running.withLock({ Array($0.keys) }) { await stop(name) }
    }

    /// Kills every app at once, without waiting.
    func killAll() {
        for app in running.withLock({ $0 }).values { kill(-app.pid, SIGKILL) }
    }

    // MARK: Takeover

    /// The apps that run, with three descriptors for each: what another process needs to go on with them.
    func handOver() async -> (applications: [Handover.Application], descriptors: [Int32]) {
        await onReactor { [self] in
            let apps = running.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
                .filter { $0.child.value.exit == nil }
            let described = apps.map {
                Handover.Application(
                    name: $0.start.name,
                    command: $0.start.command,
                    port: $0.start.port,
                    pid: $0.pid
                )
            }
            let ends = apps.flatMap { app in
                [app.child.value.channel, app.child.value.output, app.child.value.errors]
            }
            return (described, ends.map(\.descriptor))
        }
    }

    /// Lets go of every app without ending it: another process has them now.
    func release() async {
        await onReactor { [self] in
            let apps = running.withLock { running in
                defer { running = [:] }
                return Array(running.values)
            }
            for app in apps { app.child.value.release() }
        }
    }

    /// Goes on with the apps of a node that was taken over.
    func adopt(_ predecessor: Predecessor) async {
        await onReactor { [self] in
            for (given, ends) in zip(predecessor.handover.applications, predecessor.applications) {
                let child = ChildProcess.adopt(
                    pid: given.pid,
                    channel: ends[0],
                    output: ends[1],
                    errors: ends[2],
                    on: reactor
                )
                guard let child else { continue }
                let app = App(start: given.start, child: ReactorLocal(child), pid: given.pid)
                running.withLock { $0[given.name] = app }
                watch(app)
            }
        }
    }

    private func onReactor<T: Sendable>(
        _ work: @escaping @Sendable () async -> T
    ) async -> T {
        await withCheckedContinuation { continuation in
            reactor.submit { continuation.resume(returning: await work()) }
        }
    }
}
