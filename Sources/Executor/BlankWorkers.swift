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
    static let bootLimit: Duration = .seconds(30)
    /// How long the place of a worker that was taken stays empty while another one waits: what is started now
    /// should have the processors for itself.
    static let refillPause: Duration = .milliseconds(100)

    private let wanted: Int
    /// Boots a worker; tells whether somebody waits for this one.
    private let boot: (WorkerProgram, Bool) async -> Result<ExecutionEnvironment, LoadFailure>
    private let reactor: Reactor
    private var waiting: [WorkerProgram: [ExecutionEnvironment]] = [:]
    private var booting: [WorkerProgram: Int] = [:]
    private var refills: [WorkerProgram: TimerID] = [:]
    private var isClosed = false
    /// Who waits for a boot of somebody else to end.
    private var sleepers: [UnsafeContinuation<Void, Never>] = []

    init(
        wanted: Int,
        reactor: Reactor,
        boot: @escaping (WorkerProgram, Bool) async -> Result<ExecutionEnvironment, LoadFailure>
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
        let booted = await boot(program, true)
        if case .success = booted { refill(program) }
        return booted
    }

    /// Boots workers until enough blank ones wait, and waits for them.
    func prewarm(_ program: WorkerProgram) async -> LoadFailure? {
        while (waiting[program]?.count ?? 0) < wanted, !isClosed {
            if isShort(of: program) {
                if let failure = await bootOne(program) { return failure }
            } else {
                await withUnsafeContinuation { sleepers.append($0) }
            }
        }
        return nil
    }

    /// Whether those that wait and those that boot are too few.
    private func isShort(of program: WorkerProgram) -> Bool {
        (waiting[program]?.count ?? 0) + booting[program, default: 0] < wanted
    }

    private func bootOne(_ program: WorkerProgram) async -> LoadFailure? {
        booting[program, default: 0] += 1
        let booted = await boot(program, false)
        booting[program, default: 0] -= 1
        defer { wakeSleepers() }
        switch booted {
        case .failure(let failure): return failure
        case .success(let environment):
            keep(environment, program)
            return nil
        }
    }

    private func wakeSleepers() {
        let woken = sleepers
        sleepers = []
        for sleeper in woken { sleeper.resume() }
    }

    /// Ends the waiting workers; nothing boots any more.
    func close() {
        isClosed = true
        for timer in refills.values { reactor.cancel(timer) }
        refills = [:]
        wakeSleepers()
        for environment in waiting.values.joined() { environment.stop() }
        waiting = [:]
    }

    /// Boots workers in the background until enough blank ones wait: one at once when none does, the others later.
    private func refill(_ program: WorkerProgram) {
        guard !isClosed else { return }
        if waiting[program, default: []].isEmpty, booting[program, default: 0] == 0 {
            bootMissing(program, atMost: 1)
        }
        guard refills[program] == nil else { return }
        refills[program] = reactor.schedule(at: reactor.time + Self.refillPause) { [weak self] in
            self?.refills[program] = nil
            self?.bootMissing(program, atMost: .max)
        }
    }

    private func bootMissing(_ program: WorkerProgram, atMost limit: Int) {
        guard !isClosed else { return }
        let missing = wanted - (waiting[program]?.count ?? 0) - booting[program, default: 0]
        for _ in 0..<max(0, min(missing, limit)) {
            let confined = ReactorLocal(self)
            reactor.submit {
                let blank = confined.value
                if !blank.isClosed, blank.isShort(of: program) { _ = await blank.bootOne(program) }
            }
        }
    }

    private func keep(_ environment: ExecutionEnvironment, _ program: WorkerProgram) {
        if isClosed {
            environment.stop()
        } else {
            waiting[program, default: []].append(environment)
        }
    }
}
