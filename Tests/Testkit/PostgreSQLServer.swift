import Foundation
import Glibc
import Synchronization

/// A PostgreSQL of the tests' own: in a temporary folder, on a socket there, without TCP, not as root.
///
/// It ends with the process that started it, however that ends.
package final class PostgreSQLServer: Sendable {
    /// How long a server may take to start, in seconds.
    static let startLimit = 60
    /// How often a start is tried.
    static let startAttempts = 10

    /// Where the data and the socket are.
    package let folder: String
    private let process = Mutex<(shell: Process, postmaster: Int32)?>(nil)
    private let counter = Atomic<Int>(0)
    private let isDurable: Bool

    /// What a server could not do.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private static let common = Mutex<Result<PostgreSQLServer, any Error>?>(nil)

    /// The one server for all tests of a process, started by the first.
    package static func shared() throws -> PostgreSQLServer {
        try common.withLock { common in
            if let common { return try common.get() }
            let made = Result { try PostgreSQLServer() }
            common = made
            atexit { PostgreSQLServer.endShared() }
            return try made.get()
        }
    }

    private static func endShared() {
        common.withLock { common in
            (try? common?.get())?.stop()
            common = nil
        }
    }

    /// Makes and starts a server; `isDurable` keeps fsync on.
    package init(isDurable: Bool = false) throws {
        self.isDurable = isDurable
        var template = Array("/tmp/portico-pg-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Failure(description: "no temporary folder")
        }
        folder = String(cString: made)
        if let user = Self.user {
            guard chown(folder, user.id, user.group) == 0 else {
                throw Failure(description: "\(folder) cannot be given to \(user.name)")
            }
        }
        _ = try Self.run(
            [
                Self.binary("initdb"), "-D", folder + "/data", "-A", "trust", "-U", "portico",
                "-E", "UTF8", "--no-locale", "--no-sync",
            ]
        )
        try start()
    }

    deinit { stop() }

    /// The user to run as when the tests run as root.
    private static var user: (name: String, id: uid_t, group: gid_t)? {
        guard getuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            if let entry = getpwnam(name) {
                return (name, entry.pointee.pw_uid, entry.pointee.pw_gid)
            }
        }
        return nil
    }

    private static func binary(_ name: String) -> String {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        let newest = versions.compactMap { Int($0) }.max() ?? 15
        return "\(base)/\(newest)/bin/\(name)"
    }

    private static func asUser(_ command: [String]) -> [String] {
        guard let user else { return command }
        return [
            "setpriv", "--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups", "--",
        ] + command
    }

    /// Runs a program to its end and returns what it wrote.
    @discardableResult
    private static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = asUser(command)
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.start()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(),
            as: UTF8.self
        )
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(command[0]) failed: \(text.suffix(500))")
        }
        return text
    }

    // MARK: Life

    /// Starts the server and returns once it takes connections.
    package func start() throws {
        // After a kill, sessions of the old server may still hold its memory for a moment.
        for _ in 0..<Self.startAttempts - 1 where (try? startOnce()) != nil { return }
        try startOnce()
    }

    private func startOnce() throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // The shell watches this process, and ends the server when it is gone.
        let script = """
            parent=$1; folder=$2; shift 2
            "$@" </dev/null & server=$!
            { while [ -d /proc/$parent ]; do sleep 1; done; kill -INT $server; } >/dev/null 2>&1 &
            watcher=$!
            echo "pid $server"
            wait $server
            kill $watcher 2>/dev/null
            [ -d /proc/$parent ] || rm -rf "$folder"
            """
        var command = [
            Self.binary("postgres"), "-D", folder + "/data", "-k", folder, "-h", "",
            "-c", "max_connections=60", "-c", "shared_buffers=32MB",
        ]
        if !isDurable { command += ["-F", "-c", "full_page_writes=off"] }
        shell.arguments = Self.asUser(
            ["sh", "-c", script, "sh", String(getpid()), folder] + command
        )
        shell.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        let output = Pipe()
        shell.standardInput = FileHandle.nullDevice
        shell.standardOutput = output
        shell.standardError = output
        try Self.withSignals { try shell.start() }
        let postmaster = try Self.awaitReady(output, shell)
        process.withLock { $0 = (shell, postmaster) }
    }

    /// Runs the body with no signal blocked, as a child inherits it: a shell waits for SIGCHLD.
    private static func withSignals(_ body: () throws -> Void) rethrows {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try body()
    }

    private static func awaitReady(_ output: Pipe, _ shell: Process) throws -> Int32 {
        let limit = DispatchSource.makeTimerSource()
        limit.schedule(deadline: .now() + .seconds(startLimit))
        limit.setEventHandler { shell.terminate() }
        limit.resume()
        defer { limit.cancel() }
        var text = ""
        while !text.contains("ready to accept connections") {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else {
                throw Failure(description: "the server did not start: \(text.suffix(800))")
            }
            text += String(decoding: bytes, as: UTF8.self)
        }
        output.fileHandleForReading.readabilityHandler = { handle in
            if handle.availableData.isEmpty { handle.readabilityHandler = nil }
        }
        let line = text.split(separator: "\n").first { $0.hasPrefix("pid ") }
        guard let pid = line.flatMap({ Int32($0.dropFirst(4)) }) else {
            throw Failure(description: "the server has no process: \(text)")
        }
        return pid
    }

    /// Ends the server in order and removes its folder.
    package func stop() {
        end(with: SIGINT)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Ends the server: SIGKILL as a crash would, SIGINT in order.
    package func end(with signal: Int32) {
        let running = process.withLock { process in
            defer { process = nil }
            return process
        }
        guard let running else { return }
        kill(running.postmaster, signal)
        running.shell.waitUntilExit()
    }

    // MARK: Databases

    /// Makes an empty database and returns a store's URL for it.
    package func makeDatabase() throws -> String {
        let name = "t\(counter.add(1, ordering: .relaxed).newValue)"
        try sql("CREATE DATABASE \(name)", in: "postgres")
        return url(of: name)
    }

    /// A store's URL for a database of this server.
    package func url(of database: String) -> String {
        "postgres://portico@/\(database)?host=\(folder)"
    }

    /// Runs statements and returns what they print, unaligned and without headers.
    @discardableResult
    package func sql(_ text: String, in database: String) throws -> String {
        try Self.run(
            [
                Self.binary("psql"), "-h", folder, "-U", "portico", "-d", database, "-X", "-q",
                "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text,
            ]
        ).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The database's name in one of this server's URLs.
    package static func database(of url: String) -> String {
        String(url.split(separator: "?")[0].split(separator: "/").last ?? "")
    }
}
