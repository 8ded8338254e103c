import Reactor

/// An interpreter on this machine that runs a built-in worker.
struct WorkerProgram: Hashable {
    let kind: RuntimeKind
    let path: String
}

/// The booted workers of one reactor that wait for a function, and the booting of more.
///
/// Confined to its reactor.
final class BlankWorkers {
    /// How long a blank worker may take to boot.
    static let bootLimit: Duration = .seconds(10)

    private let wanted: Int
    private let boot: (WorkerProgram) async -> Result<ExecutionEnvironment, LoadFailure>
    private let reactor: Reactor
    private var waiting: [WorkerProgram: [ExecutionEnvironment]] = [:]
    private var booting: [WorkerProgram: Int] = [:]
    private var isClosed = false

    init(
        wanted: Int,
        reactor: Reactor,
        boot: @escaping (WorkerProgram) async -> Result<ExecutionEnvironment, LoadFailure>
    ) {
        self.wanted = wanted
        self.reactor = reactor
        self.boot = boot
    }

    /// A blank worker, booted now only when none waits.
    func take(_ program: WorkerProgram) async -> Result<ExecutionEnvironment, LoadFailure> {
        while let environment = waiting[program]?.popLast() {
            guard environment.isAlive else {
                environment.stop()
                continue
            }
            refill(program)
            return .success(environment)
        }
        let booted = await boot(program)
        if case .success = booted { refill(program) }
        return booted
    }

    /// Boots workers until enough blank ones wait, and waits for them.
    func prewarm(_ program: WorkerProgram) async -> LoadFailure? {
        while (waiting[program]?.count ?? 0) < wanted, !isClosed {
            switch await boot(program) {
            case .failure(let failure): return failure
            case .success(let environment): keep(environment, program)
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
    private func refill(_ program: WorkerProgram) {
        while !isClosed, (waiting[program]?.count ?? 0) + booting[program, default: 0] < wanted {
            booting[program, default: 0] += 1
            let confined = ReactorLocal(self)
            reactor.submit { await confined.value.bootInBackground(program) }
        }
    }

    private func bootInBackground(_ program: WorkerProgram) async {
        let booted = await boot(program)
        booting[program, default: 0] -= 1
        if case .success(let environment) = booted { keep(environment, program) }
    }

    private func keep(_ environment: ExecutionEnvironment, _ program: WorkerProgram) {
        if isClosed {
            environment.stop()
        } else {
            waiting[program, default: []].append(environment)
        }
    }
}
