import Dispatch
import Foundation
import Synchronization

/// Hears of commits: at once when the server notifies, at the latest when it is asked again.
///
/// A notice only wakes; the head's row is the truth.
final class PostgreSQLListener: Sendable {
    private let pool: PostgreSQLPool
    private let broadcast: HeadBroadcast
    private let pollDelay: Duration
    private let isStarted = Atomic<Bool>(false)

    init(_ pool: PostgreSQLPool, _ broadcast: HeadBroadcast, pollDelay: Duration) {
        self.pool = pool
        self.broadcast = broadcast
        self.pollDelay = pollDelay
    }

    /// Listens on a thread of its own until the pool closes; once.
    func start() {
        guard !isStarted.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let thread = Thread { [pool, broadcast, pollDelay] in
            var pause = PostgreSQLPool.firstRetryPause
            while !pool.stop.isStopped {
                do {
                    let connection = try pool.connect()
                    let listen = PostgreSQLStatement("LISTEN \(PostgreSQLStore.channel)")
                    _ = try connection.run([listen])
                    pause = PostgreSQLPool.firstRetryPause
                    try Self.listen(connection, broadcast, pollDelay)
                } catch {
                    guard (try? pool.stop.pause(pause)) != nil else { return }
                    pause = min(pause * 2, PostgreSQLPool.longestRetryPause)
                }
            }
        }
        thread.name = "portico.store.listen"
        thread.start()
    }

    private static func listen(
        _ connection: PostgreSQLConnection,
        _ broadcast: HeadBroadcast,
        _ pollDelay: Duration
    ) throws {
        while true {
            // Asked at the start too: what was committed before the session listened gave no notice.
            let sql = "SELECT revision FROM portico.head"
            let rows = try connection.run([PostgreSQLStatement(sql)])[0]
            if let revision = rows.int(0, 0) { broadcast.announce(revision) }
            let deadline = ContinuousClock.now + pollDelay
            while ContinuousClock.now < deadline {
                let notices = try connection.notices(until: deadline)
                if let newest = notices.compactMap({ Int($0) }).max() {
                    broadcast.announce(newest)
                }
            }
        }
    }
}
