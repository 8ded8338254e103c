import CLinux
import Glibc

/// A program on its way: what its process reads in our memory until it is the program, and what it reports.
///
/// posix_spawn has its caller wait until the program runs, and takes no steps in namespaces. Here the process runs beside us
/// with a stack of its own, and a pipe tells when it has left our memory.
// SAFETY: one thread at a time comes here: first whoever makes it, then whoever begins it, then the reactor.
final class Launch: @unchecked Sendable {
    private static let stackSize = 16 << 10

    private let strings: CStrings
    private let calls: [LaunchCall]
    private let steps: UnsafeMutableBufferPointer<portico_step>
    private let stack: UnsafeMutableRawPointer
    private let launch: UnsafeMutablePointer<portico_launch>
    /// Our end of the pipe that tells how it went.
    private let report: Int32
    private var theirReport: Int32

    init(_ command: ChildProcess.Command, _ ends: borrowing Descriptors) throws(SpawnError) {
        var pipe: [Int32] = [-1, -1]
        guard portico_pipe(&pipe) == 0 else { throw SpawnError(call: "pipe2", code: errno) }
        (report, theirReport) = (pipe[0], pipe[1])
        _ = fcntl(report, F_SETFL, O_NONBLOCK)
        let strings = CStrings()
        self.strings = strings
        calls = command.steps.flatMap(\.calls)
        steps = .allocate(capacity: calls.count)
        _ = steps.initialize(
            from: calls.map { call in
                portico_step(
                    kind: call.kind,
                    flags: call.flags,
                    source: strings.add(call.source),
                    target: strings.add(call.target),
                    type: strings.add(call.type),
                    data: strings.add(call.data),
                    may_fail: call.mayFail ? 1 : 0
                )
            }
        )
        stack = .allocate(byteCount: Self.stackSize, alignment: 16)
        launch = .allocate(capacity: 1)
        launch.initialize(
            to: portico_launch(
                path: strings.add(command.path),
                arguments: strings.list([command.path] + command.arguments),
                environment: strings.list(command.environment),
                folder: command.directory.flatMap(strings.add),
                steps: steps.baseAddress,
                step_count: steps.count,
                output: ends.outputWrite,
                errors: ends.errorsWrite,
                channel: ends.theirs,
                report: theirReport,
                open_files: command.openFiles,
                scheduling: command.precedence.beginning ?? portico_scheduling()
            )
        )
    }

    deinit {
        if theirReport >= 0 { close(theirReport) }
        steps.deallocate()
        stack.deallocate()
        launch.deallocate()
    }

    /// The number of a process, and a descriptor that becomes readable when it ends.
    typealias Begun = (pid: Int32, ended: Int32)

    /// Starts the process.
    ///
    /// - Throws: `SpawnError` when there is no process; then `outcome` must not be asked.
    func begin() throws(SpawnError) -> Begun {
        var ended: Int32 = -1
        let pid = portico_start(launch, stack, Self.stackSize, &ended)
        let code = errno
        close(theirReport)
        theirReport = -1
        guard pid > 0 else {
            close(report)
            throw SpawnError(call: "clone", code: code)
        }
        return (pid, ended)
    }

    /// Waits until the process has become the program or has ended, and with that until nothing here is its any more: what
    /// failed, nil when it runs.
    func outcome(on reactor: Reactor) async -> SpawnError? {
        let readiness = reactor.register(report, announcesRoom: false)
        defer { reactor.close(readiness) }
        var told = portico_launch_failure()
        var failure: SpawnError?
        while true {
            let count = read(report, &told, MemoryLayout.size(ofValue: told))
            if count > 0 {
                failure = SpawnError(call: title(of: told.step), code: told.number)
                continue
            }
            if count < 0, errno == EINTR { continue }
            guard count < 0, errno == EAGAIN, await readiness.readable() == .ready else {
                return failure
            }
        }
    }

    private func title(of step: Int32) -> String {
        switch Int(step) {
        case Int(PORTICO_LAUNCH_EXEC): "execve"
        case Int(PORTICO_LAUNCH_FOLDER): "chdir"
        case let number where calls.indices.contains(number): calls[number].title
        default: "dup3"
        }
    }
}

/// Texts as C has them, until this goes.
private final class CStrings {
    private var texts: [UnsafeMutablePointer<CChar>] = []
    private var lists: [UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>] = []

    deinit {
        for text in texts { free(text) }
        for list in lists { list.deallocate() }
    }

    func add(_ text: String) -> UnsafePointer<CChar>? { duplicate(text).map { UnsafePointer($0) } }

    /// As a list that ends with null.
    func list(_ texts: [String]) -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
        let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
            capacity: texts.count + 1
        )
        for (place, text) in texts.enumerated() {
            (list + place).initialize(to: duplicate(text))
        }
        (list + texts.count).initialize(to: nil)
        lists.append(list)
        return UnsafePointer(list)
    }

    private func duplicate(_ text: String) -> UnsafeMutablePointer<CChar>? {
        guard let copy = strdup(text) else { return nil }
        texts.append(copy)
        return copy
    }
}
