import Glibc
import Reactor
import Testing

struct PrecedenceTests {
    @Test(
        "The more start at once, the further each stands behind",
        arguments: [(1, 4), (2, 9), (3, 14), (4, 19), (10_000, 19)]
    )
    func shares(count: Int, niceness: Int32) {
        #expect(Precedence.late(among: count).niceness == niceness)
    }

    @Test(
        "A program that yields is a batch job to the scheduler, an idle one among many, and neither once it stands as others do"
    )
    func yields() async throws {
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        try await Task(executorPreference: reactor) {
            var command = ChildProcess.Command(
                path: "/bin/sleep",
                arguments: ["60"],
                environment: [],
                openFiles: 64
            )
            command.precedence = .late(among: 2)
            let child = try await ChildProcess.start(command, on: reactor)
            #expect(sched_getscheduler(child.pid) == 3)
            child.setPrecedence(.late(among: 4))
            #expect(sched_getscheduler(child.pid) == (Precedence.isReversible ? 5 : 3))
            child.setPrecedence(.late(among: 1))
            #expect(sched_getscheduler(child.pid) == 3)
            child.setPrecedence(.normal)
            #expect(sched_getscheduler(child.pid) == SCHED_OTHER)
            child.setPrecedence(.patient)
            #expect(sched_getscheduler(child.pid) == 3)
            child.setPrecedence(.normal)
            #expect(sched_getscheduler(child.pid) == SCHED_OTHER)
            child.kill()
            #expect(await child.waitForExit() == .signal(SIGKILL))
            child.close()
        }.value
    }
}
