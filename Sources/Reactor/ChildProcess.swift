import CLinux
import Glibc

/// How a child process ended.
package enum ChildExit: Sendable, Equatable {
    case status(Int32)
    case signal(Int32)

    /// What `waitpid` reported, as a case.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .status((waitStatus >> 8) & 0xff) : .signal(signal)
    }
}

/// Why a child process could not be started.
package struct SpawnError: Error, Sendable {
    package let call: String
    package let code: Int32
}

/// A running program in a process group of its own, with a socket as its descriptor 3.
///
/// Confined to its reactor. The process is awaited as soon as it ends, so it never stays a zombie.
package final class ChildProcess {
    package let pid: Int32
    /// Our end of the child's descriptor 3.
    package let channel: Readiness
    package let output: Readiness
    package let errors: Readiness
    /// How the process ended, nil while it runs.
    package private(set) var exit: ChildExit?
    private var precedence = Precedence.normal
    private let reactor: Reactor
    private var isReleased = false
    private var waiters: [UnsafeContinuation<ChildExit, Never>] = []

    private init(
        pid: pid_t,
        channel: Readiness,
        output: Readiness,
        errors: Readiness,
        reactor: Reactor
    ) {
        self.pid = pid
        self.channel = channel
        self.output = output
        self.errors = errors
        self.reactor = reactor
    }

    /// What to start, and how.
    package struct Command: Sendable {
        /// Absolute.
        package var path: String
        package var arguments: [String]
        package var environment: [String]
        /// 0 leaves the limit as it is.
        package var openFiles: UInt64
        /// The folder to start in; nil means our own.
        package var directory: String?
        /// What the process does in that folder before it becomes the program.
        package var steps: [LaunchStep] = []
        /// How the program stands behind others.
        package var precedence = Precedence.normal

        /// Describes a program.
        package init(
            path: String,
            arguments: [String],
            environment: [String],
            openFiles: UInt64,
            directory: String? = nil
        ) {
            self.path = path
            self.arguments = arguments
            self.environment = environment
            self.openFiles = openFiles
            self.directory = directory
        }
    }

    /// Starts a program on the current reactor and waits until it runs.
    ///
    /// - Throws: `SpawnError` with the failing call and its `errno`.
    package static func start(
        _ command: Command,
        on reactor: Reactor
    ) async throws(SpawnError) -> ChildProcess {
        var ends = Descriptors()
        defer { ends.closeAll() }
        try ends.open()
        let launch = try Launch(command, ends)
        // Processes that are moved between control groups hold up the beginning of others.
        let begun = await Task.detached { () -> Result<Launch.Begun, SpawnError> in
            do throws(SpawnError) { return .success(try launch.begin()) } catch {
                return .failure(error)
            }
        }.value
        let (pid, ended) = try begun.get()
        // Its end of the channel closes for all when it has gone.
        ends.closeTheirs()
        let child = ChildProcess(
            pid: pid,
            channel: reactor.register(ends.take(\.ours), announcesRoom: false),
            output: reactor.register(ends.take(\.outputRead)),
            errors: reactor.register(ends.take(\.errorsRead)),
            reactor: reactor
        )
        child.precedence = command.precedence
        let watched = ReactorLocal((child, reactor.register(ended)))
        reactor.submit { await watched.value.0.awaitExit(watched.value.1) }
        let timer =
            command.precedence == .normal
            ? nil
            : reactor.schedule(at: reactor.preciseTime + Precedence.modesty) {
                if child.exit == nil { child.setPrecedence(.late(among: 1)) }
            }
        let failure = await launch.outcome(on: reactor)
        if let timer { reactor.cancel(timer) }
        guard let failure else { return child }
        _ = await child.waitForExit()
        child.close()
        throw failure
    }

    /// Takes over a program that another process has started, with our ends of its channel and pipes; nil when
    /// it has ended already, and then the ends are closed.
    ///
    /// How it ends cannot be told: it counts as status 0.
    package static func adopt(
        pid: Int32,
        channel: Int32,
        output: Int32,
        errors: Int32,
        on reactor: Reactor
    ) -> ChildProcess? {
        let watch = portico_pidfd_open(pid)
        guard watch >= 0 else {
            for end in [channel, output, errors] { Glibc.close(end) }
            return nil
        }
        let child = ChildProcess(
            pid: pid,
            channel: reactor.register(channel, announcesRoom: false),
            output: reactor.register(output),
            errors: reactor.register(errors),
            reactor: reactor
        )
        let watched = ReactorLocal((child, reactor.register(watch)))
        reactor.submit {
            // Readable once it has ended.
            _ = await watched.value.1.readable()
            await watched.value.0.awaitExit(watched.value.1)
        }
        return child
    }

    /// Closes our ends without ending the program: another process has them, too, and goes on with it.
    package func release() {
        isReleased = true
        for end in [channel, output, errors] { end.isShared = true }
        close()
    }

    /// Changes how the program and all of its process group stand behind others.
    package func setPrecedence(_ precedence: Precedence) {
        guard precedence != self.precedence else { return }
        self.precedence = precedence
        precedence.apply(to: pid)
    }

    /// Takes over a process that one of our processes has forked off; nil when that one is gone, and the ends are
    /// closed.
    ///
    /// `reap` runs once how it ended is known: its parent may then forget it.
    package static func adopt(
        _ forked: ForkedProcess,
        on reactor: Reactor,
        reap: @escaping @Sendable (Int32) -> Void
    ) -> ChildProcess? {
        let watch = portico_pidfd_open(forked.pid)
        guard watch >= 0 else {
            forked.closeEnds()
            return nil
        }
        let child = ChildProcess(
            pid: forked.pid,
            channel: reactor.register(forked.channel, announcesRoom: false),
            output: reactor.register(forked.output),
            errors: reactor.register(forked.errors),
            reactor: reactor
        )
        let watched = ReactorLocal((child, reactor.register(watch)))
        reactor.submit {
            let (child, watch) = watched.value
            // Readable once it has ended; until its parent forgets it, the system tells how.
            _ = await watch.readable()
            let status = ForkedProcess.waitStatus(of: child.pid) ?? 0
            child.conclude(status, watch)
            reap(child.pid)
        }
        return child
    }

    private func awaitExit(_ ended: Readiness) async {
        var status: Int32 = 0
        while true {
            let found = waitpid(pid, &status, WNOHANG)
            if found == pid || (found < 0 && errno == ECHILD) { break }
            if await ended.readable() == .closed { break }
        }
        conclude(status, ended)
    }

    private func conclude(_ status: Int32, _ ended: Readiness) {
        reactor.close(ended)
        let result = ChildExit(waitStatus: status)
        exit = result
        // Whatever the program had started shares its group and must not outlive it. What left the
        // group may still hold the channel: shut, it gives what was sent before and then its end.
        if !isReleased { Glibc.kill(-pid, SIGKILL) }
        if channel.isOpen { Glibc.shutdown(channel.descriptor, Int32(SHUT_RDWR)) }
        let resumed = waiters
        waiters = []
        for waiter in resumed { waiter.resume(returning: result) }
    }

    /// What the process and its descendants hold in memory; 0 when it is gone.
    ///
    /// Unit: bytes. Read from `/proc`, as control groups are rarely ours to write.
    package var residentBytes: Int { Self.residentBytes(of: pid, depth: 0) }

    /// What some processes hold in memory together, without their descendants.
    ///
    /// Unit: bytes.
    package static func residentBytes(of pids: [Int32]) -> Int {
        pids.reduce(0) { $0 + residentBytes(of: $1, depth: deepestDescendant) }
    }

    private static let deepestDescendant = 4

    private static func residentBytes(of pid: Int32, depth: Int) -> Int {
        let fields = readNumbers("/proc/\(pid)/statm")
        guard fields.count > 1 else { return 0 }
        var bytes = fields[1] * Int(getpagesize())
        guard depth < deepestDescendant else { return bytes }
        for child in readNumbers("/proc/\(pid)/task/\(pid)/children") {
            bytes += residentBytes(of: Int32(child), depth: depth + 1)
        }
        return bytes
    }

    private static func readNumbers(_ file: String) -> [Int] {
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { Glibc.close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { buffer in
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            var numbers: [Int] = []
            var current: Int?
            for byte in buffer.prefix(max(0, count)) {
                if (48...57).contains(byte) {
                    current = (current ?? 0) * 10 + Int(byte - 48)
                } else if let number = current {
                    numbers.append(number)
                    current = nil
                }
            }
            return numbers
        }
    }

    /// Sends a signal to the whole process group.
    package func signal(_ number: Int32) {
        guard exit == nil else { return }
        Glibc.kill(-pid, number)
    }

    /// Kills the whole process group at once.
    package func kill() {
        guard exit == nil else { return }
        Glibc.kill(-pid, SIGKILL)
    }

    /// Waits until the process has ended and was reaped.
    package func waitForExit() async -> ChildExit {
        if let exit { return exit }
        return await withUnsafeContinuation { waiters.append($0) }
    }

    /// Closes our ends of the channel and the pipes.
    package func close() {
        reactor.close(channel)
        reactor.close(output)
        reactor.close(errors)
    }
}

/// The six ends made for one child; those not taken are closed.
struct Descriptors {
    var ours: Int32 = -1
    var theirs: Int32 = -1
    var outputRead: Int32 = -1
    var outputWrite: Int32 = -1
    var errorsRead: Int32 = -1
    var errorsWrite: Int32 = -1

    mutating func open() throws(SpawnError) {
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            throw SpawnError(call: "socketpair", code: errno)
        }
        (ours, theirs) = (pair[0], pair[1])
        guard portico_pipe(&pair) == 0 else { throw SpawnError(call: "pipe2", code: errno) }
        (outputRead, outputWrite) = (pair[0], pair[1])
        guard portico_pipe(&pair) == 0 else { throw SpawnError(call: "pipe2", code: errno) }
        (errorsRead, errorsWrite) = (pair[0], pair[1])
        for end in [ours, outputRead, errorsRead] {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
        }
    }

    mutating func take(_ end: WritableKeyPath<Descriptors, Int32>) -> Int32 {
        defer { self[keyPath: end] = -1 }
        return self[keyPath: end]
    }

    /// Closes what the child has by now.
    mutating func closeTheirs() {
        for end in [\Descriptors.theirs, \.outputWrite, \.errorsWrite] { Glibc.close(take(end)) }
    }

    mutating func closeAll() {
        for end in [ours, theirs, outputRead, outputWrite, errorsRead, errorsWrite] where end >= 0 {
            Glibc.close(end)
        }
    }
}
