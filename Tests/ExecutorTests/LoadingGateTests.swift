import Reactor
import Testing

@testable import Executor

/// Who may load a function, and when.
@Suite("Loading in turns", .timeLimit(.minutes(5)))
struct LoadingGateTests {
    /// Runs a body on a reactor of its own.
    private func onReactor(_ body: @escaping @Sendable (Reactor) async -> Void) async {
        let reactor = Reactor()
        reactor.start()
        await Task(executorPreference: reactor) { await body(reactor) }.value
        reactor.stop()
    }

    /// Lets what was handed to the reactor before run until it waits: a reactor takes its work in order.
    private func settle(_ reactor: Reactor) async {
        await Task(executorPreference: reactor) {}.value
    }

    // Limits: LoadingGate.limit
    @Test("whoever comes first loads first, and a place is handed on, never made")
    func order() async {
        await onReactor { reactor in
            let gate = LoadingGate(reactor: reactor, limit: 2, patience: .seconds(600))
            let order = ReactorLocal(Order())
            let confined = ReactorLocal(gate)
            let first = await gate.enter()
            _ = await gate.enter()
            var tasks: [Task<Void, Never>] = []
            for number in 0..<3 {
                tasks.append(
                    Task(executorPreference: reactor) {
                        let place = await confined.value.enter()
                        order.value.numbers.append(number)
                        confined.value.leave(place)
                    }
                )
                await settle(reactor)
                #expect(gate.waiting == number + 1)
            }
            #expect(order.value.numbers == [])
            gate.leave(first)
            gate.leave(first)
            for task in tasks { await task.value }
            #expect(order.value.numbers == [0, 1, 2])
            #expect(gate.waiting == 0)
        }
    }

    @Test("what loads for long keeps its place for a while only")
    func patience() async {
        await onReactor { reactor in
            let gate = LoadingGate(reactor: reactor, limit: 1, patience: .milliseconds(1))
            let long = await gate.enter()
            let next = await gate.enter()
            gate.leave(long)
            gate.leave(next)
            #expect(gate.waiting == 0)
        }
    }

    @Test("at the end nobody waits any more")
    func end() async {
        await onReactor { reactor in
            let gate = LoadingGate(reactor: reactor, limit: 1, patience: .seconds(600))
            _ = await gate.enter()
            let confined = ReactorLocal(gate)
            let waiting = Task(executorPreference: reactor) { _ = await confined.value.enter() }
            await settle(reactor)
            #expect(gate.waiting == 1)
            gate.open()
            await waiting.value
            _ = await gate.enter()
        }
    }

    private final class Order {
        var numbers: [Int] = []
    }
}
