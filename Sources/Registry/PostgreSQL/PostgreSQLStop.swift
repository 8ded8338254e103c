import CPostgres
import Glibc
import Synchronization

/// Ends every wait of a store when it closes.
final class PostgreSQLStop: Sendable {
    private let descriptor: Int32
    private let isSet = Atomic<Bool>(false)

    init() throws {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw DurableFile.failure("eventfd") }
    }

    deinit { close(descriptor) }

    var isStopped: Bool { isSet.load(ordering: .acquiring) }

    func stop() {
        isSet.store(true, ordering: .releasing)
        // Nobody reads it: it stays readable for all who wait.
        _ = eventfd_write(descriptor, 1)
    }

    /// Waits for a descriptor (or none, -1) and returns what it is ready for; 0 at the deadline.
    func wait(
        for socket: Int32,
        _ events: Int16,
        until deadline: ContinuousClock.Instant
    ) throws -> Int16 {
        while true {
            var entries = [
                pollfd(fd: socket, events: events, revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let left = ContinuousClock.now.duration(to: deadline).components
            let milliseconds =
                left.seconds * 1000 + (left.attoseconds + 999_999_999_999_999)
                / 1_000_000_000_000_000
            let count = poll(&entries, 2, Int32(max(0, min(milliseconds, 1_000_000))))
            if count < 0, errno != EINTR { throw DurableFile.failure("poll") }
            guard !isStopped else { throw RegistryError(.unreachable, "the store is closed") }
            if count > 0, entries[0].revents != 0 { return entries[0].revents }
            if count == 0 { return 0 }
        }
    }

    /// Waits, unless the store closes.
    func pause(_ duration: Duration) throws {
        _ = try wait(for: -1, 0, until: .now + duration)
    }
}
