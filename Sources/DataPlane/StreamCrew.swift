import Reactor

/// The tasks that serve the HTTP/2 streams of one reactor, each one stream after the other.
///
/// A task and the memory of its frames cost a dozen allocations beyond the size that the C library keeps at
/// hand; a stream that finds a task waiting pays for none of them. Confined to its reactor.
final class StreamCrew {
    /// How many tasks wait for a stream at most; what finds no place here ends.
    ///
    /// Unit: tasks.
    static let maximumWaiting = 128
    /// How often tasks are let go that nobody needed.
    static let restLimit: Duration = .seconds(1)

    /// A task between two streams.
    private struct Waiting {
        let task: Task<Void, Never>?
        let continuation: UnsafeContinuation<ReactorLocal<H2Driver.Stream>?, Never>
    }

    private let reactor: Reactor
    @exclusivity(unchecked)
    private var waiting: [Waiting] = []
    /// The fewest that waited at one time since the last look.
    @exclusivity(unchecked)
    private var unneeded = 0
    /// Connections that may bring a stream.
    private var connections = 0
    private var sweepIsScheduled = false

    init(reactor: Reactor) { self.reactor = reactor }

    /// How many tasks wait for a stream now.
    var waitingCount: Int { waiting.count }

    /// Serves a stream in a task that waits, or else in a new one.
    func serve(_ stream: H2Driver.Stream) {
        if let next = waiting.popLast() {
            unneeded = min(unneeded, waiting.count)
            stream.channel.task = next.task
            next.continuation.resume(returning: ReactorLocal(stream))
            return
        }
        let local = ReactorLocal((self, stream))
        stream.channel.task = Task(executorPreference: reactor) {
            let (crew, stream) = local.value
            await crew.work(stream)
        }
    }

    private func work(_ first: H2Driver.Stream) async {
        var next: H2Driver.Stream? = first
        while let stream = next {
            await stream.driver.serve(stream)
            let task = stream.channel.task
            stream.driver.finish(stream)
            // A cancelled task stays so.
            guard connections > 0, waiting.count < Self.maximumWaiting, !Task.isCancelled else {
                return
            }
            next = nil
            next = await rest(task)?.value
        }
    }

    private func rest(_ task: Task<Void, Never>?) async -> ReactorLocal<H2Driver.Stream>? {
        scheduleSweep()
        return await withUnsafeContinuation {
            waiting.append(Waiting(task: task, continuation: $0))
        }
    }

    /// A connection has opened that may bring streams.
    func join() { connections += 1 }

    /// A connection has ended; after the last one nobody waits for a stream.
    func leave() {
        connections -= 1
        if connections == 0 { dismiss(waiting.count) }
    }

    private func dismiss(_ count: Int) {
        for _ in 0..<count { waiting.popLast()?.continuation.resume(returning: nil) }
    }

    private func scheduleSweep() {
        guard !sweepIsScheduled else { return }
        sweepIsScheduled = true
        unneeded = 0
        reactor.schedule(at: reactor.time + Self.restLimit) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        sweepIsScheduled = false
        dismiss(min(unneeded, waiting.count))
        guard !waiting.isEmpty else { return }
        scheduleSweep()
        unneeded = waiting.count
    }
}
