import Foundation
import Synchronization

/// Lends sessions with one server, or with whichever of several hosts takes writes, and makes new ones
/// when they break.
///
/// SAFETY: `idle` and `count` are read and written only under `condition`.
final class PostgreSQLPool: @unchecked Sendable {
    /// How many sessions a store has at most, beside the one that listens.
    static let sessionLimit = 10
    /// The first pause between two attempts; each further one is twice as long.
    static let firstRetryPause = Duration.milliseconds(50)
    /// The longest pause between two attempts.
    static let longestRetryPause = Duration.seconds(1)

    let url: PostgreSQLURL
    let stop: PostgreSQLStop
    private let session: String
    private let patience: Duration
    // A borrower blocks its own thread, which is what the callers' queues are for.
    private let condition = NSCondition()
    private var idle: [PostgreSQLConnection] = []
    private var count = 0

    /// `stallLimit` is how long a session may do nothing within a transaction before the server ends it.
    init(_ url: PostgreSQLURL, stallLimit: Duration, patience: Duration) throws {
        self.url = url
        self.patience = patience
        stop = try PostgreSQLStop()
        let stall = stallLimit.components
        let milliseconds = stall.seconds * 1000 + stall.attoseconds / 1_000_000_000_000_000
        session = """
            SELECT set_config('idle_in_transaction_session_timeout', '\(max(1, milliseconds))', false),
            set_config('lock_timeout', '10000', false),
            set_config('statement_timeout', '30000', false),
            set_config('client_min_messages', 'error', false),
            CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
            THEN set_config('synchronous_commit', 'on', false) END
            """
    }

    func close() {
        stop.stop()
        condition.lock()
        idle = []
        condition.broadcast()
        condition.unlock()
    }

    /// A session beside the pool's.
    func connect() throws -> PostgreSQLConnection {
        guard !stop.isStopped else { throw RegistryError(.unreachable, "the store is closed") }
        return try PostgreSQLConnection(url, session: session, stop: stop)
    }

    /// Runs the body with a session, on new ones while the failures allow it and patience lasts.
    ///
    /// The body may run more than once: what it does must bear that.
    func perform<Value>(_ body: (PostgreSQLConnection) throws -> Value) throws -> Value {
        // Counted from the first failure: a body may take its time while it works.
        var deadline: ContinuousClock.Instant?
        var pause = Self.firstRetryPause
        while true {
            do {
                let connection = try borrow(deadline ?? .now + patience)
                defer { giveBack(connection) }
                do { return try body(connection) } catch {
                    connection.leaveTransaction()
                    throw error
                }
            } catch let error as PostgreSQLError {
                let end = deadline ?? .now + patience
                deadline = end
                guard error.allowsRetry, ContinuousClock.now + pause < end else {
                    throw error.registryError
                }
                try stop.pause(pause * Double.random(in: 0.5...1))
                pause = min(pause * 2, Self.longestRetryPause)
            }
        }
    }

    /// Runs statements together, as one transaction when they begin none of their own.
    func run(_ statements: PostgreSQLStatement...) throws -> [PostgreSQLRows] {
        try perform { try $0.run(statements) }
    }

    private func borrow(_ deadline: ContinuousClock.Instant) throws -> PostgreSQLConnection {
        condition.lock()
        while idle.isEmpty, count >= Self.sessionLimit, !stop.isStopped {
            let left = ContinuousClock.now.duration(to: deadline).components
            let end = Date(timeIntervalSinceNow: 0.5 + Double(left.seconds))
            guard left.seconds >= 0, condition.wait(until: end) else {
                condition.unlock()
                throw RegistryError(
                    .unreachable,
                    "all \(Self.sessionLimit) sessions of the store are busy"
                )
            }
        }
        if let connection = idle.popLast() {
            condition.unlock()
            if connection.isQuiet { return connection }
            // What the server ended while it lay idle costs no attempt.
            forget()
            return try borrow(deadline)
        }
        count += 1
        condition.unlock()
        do { return try connect() } catch {
            forget()
            throw error
        }
    }

    private func giveBack(_ connection: PostgreSQLConnection) {
        guard !connection.isBroken, !stop.isStopped else {
            forget()
            return
        }
        condition.lock()
        idle.append(connection)
        condition.signal()
        condition.unlock()
    }

    private func forget() {
        condition.lock()
        count -= 1
        condition.signal()
        condition.unlock()
    }
}
