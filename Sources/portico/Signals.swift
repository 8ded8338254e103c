import Dispatch
import Foundation
import Synchronization

/// Waits for the first SIGINT or SIGTERM; the second ends the process at once.
final class Signals: Sendable {
    private let stream: AsyncStream<Void>
    private let sources: [any Sendable]
    private let hangUps = Mutex<SourceBox?>(nil)

    /// Begins to take the signals; `onSecond` runs before the second one ends the process.
    init(onSecond: @escaping @Sendable () -> Void = {}) {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        self.stream = stream
        let seen = Seen()
        // Until they are taken, which is a moment later, they end the process as they end any other.
        sources = [SIGINT, SIGTERM].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if seen.first() {
                    continuation.yield()
                } else {
                    onSecond()
                    // As a shell reports a process that a signal ended.
                    _exit(128 + number)
                }
            }
            source.resume()
            return SourceBox(source)
        }
    }

    /// Has an action run at each SIGHUP, one at a time, as long as this value lives.
    ///
    /// When it comes because the terminal has gone that the process was started on, it is a signal to end.
    func onHangUp(_ action: @escaping @Sendable () async -> Void) {
        let terminal = (0...2).map(Int32.init).first { isatty($0) == 1 }
        signal(SIGHUP, SIG_IGN)
        let (stream, continuation) = AsyncStream<Void>.makeStream(
            bufferingPolicy: .bufferingNewest(1)
        )
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        let ended = Seen()
        /// Whether the terminal has gone; then the process ends.
        let endsWithTerminal: @Sendable () -> Bool = {
            guard let terminal, isatty(terminal) == 0 else { return false }
            if ended.first() { kill(getpid(), SIGTERM) }
            return true
        }
        source.setEventHandler { if !endsWithTerminal() { continuation.yield() } }
        // The signal may have come when nobody took it yet.
        source.setRegistrationHandler { _ = endsWithTerminal() }
        source.resume()
        hangUps.withLock { $0 = SourceBox(source) }
        Task { for await _ in stream { await action() } }
    }

    /// Returns at the first signal.
    func wait() async {
        for await _ in stream { return }
    }

    private final class Seen: Sendable {
        private let flag = Atomic<Bool>(false)
        func first() -> Bool {
            flag.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
        }
    }

    private struct SourceBox: @unchecked Sendable {
        // SAFETY: only held, never touched again.
        let source: any DispatchSourceSignal
        init(_ source: any DispatchSourceSignal) { self.source = source }
    }
}
