import Reactor

/// The booted workers of one reactor that wait for a function, and the booting of more.
///
/// Confined to its reactor.
final class BlankWorkers {
    /// How long a blank worker may take to boot.
    static let bootLimit: Duration = .seconds(10)

    private let wanted: Int
    private let boot: (RuntimeKind) async -> Result<ExecutionEnvironment, LoadFailure>
    private let reactor: Reactor
    private var waiting: [RuntimeKind: [ExecutionEnvironment]] = [:]
    private var booting: [RuntimeKind: Int] = [:]
    private var isClosed = false

    init(
        wanted: Int,
        reactor: Reactor,
        boot: @escaping (RuntimeKind) async -> Result<ExecutionEnvironment, LoadFailure>
    ) {
        self.wanted = wanted
        self.reactor = reactor
        self.boot = boot
    }

    /// A blank worker, booted now only when none waits.
    func take(_ kind: RuntimeKind) async -> Result<ExecutionEnvironment, LoadFailure> {
        while let environment = waiting[kind]?.popLast() {
            guard environment.isAlive else {
                environment.stop()
                continue
            }
            refill(kind)
            return .success(environment)
        }
        let booted = await boot(kind)
        if case .success = booted { refill(kind) }
        return booted
    }

    /// Boots workers until enough blank ones wait, and waits for them.
    func prewarm(_ kind: RuntimeKind) async -> LoadFailure? {
        while (waiting[kind]?.count ?? 0) < wanted, !isClosed {
            switch await boot(kind) {
            case .failure(let failure): return failure
            case .success(let environment): keep(environment, kind)
            }
        }
        return nil
    }

    /// Ends the waiting workers; nothing boots any more.
    func close() {
        isClosed = true
        for environment in waiting.values.joined() { environment.stop() }
        waiting = [:]
    }

    /// Boots workers in the background until enough blank ones wait.
    private func refill(_ kind: RuntimeKind) {
        while !isClosed, (waiting[kind]?.count ?? 0) + booting[kind, default: 0] < wanted {
            booting[kind, default: 0] += 1
            let confined = ReactorLocal(self)
            reactor.submit { await confined.value.bootInBackground(kind) }
        }
    }

    private func bootInBackground(_ kind: RuntimeKind) async {
        let booted = await boot(kind)
        booting[kind, default: 0] -= 1
        if case .success(let environment) = booted { keep(environment, kind) }
    }

    private func keep(_ environment: ExecutionEnvironment, _ kind: RuntimeKind) {
        if isClosed {
            environment.stop()
        } else {
            waiting[kind, default: []].append(environment)
        }
    }
}
