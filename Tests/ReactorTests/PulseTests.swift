import Testing

@testable import Reactor

struct PulseTests {
    @Test(
        "As many starts as there are processors have a pulse, fewer have none",
        .enabled(if: Precedence.isUsual),
        .timeLimit(.minutes(1))
    )
    func beats() async {
        let pulse = Pulse()
        let enough = pulse.processors.count
        for _ in 1..<enough { pulse.begin() }
        #expect(pulse.beatCount == 0)
        pulse.begin()
        while pulse.beatCount < 100 { await Task.yield() }
        for _ in 0..<enough { pulse.end() }
        // A thread that pauses at this moment has counted its beat already.
        let after = pulse.beatCount
        for _ in 1..<enough { pulse.begin() }
        for _ in 0..<1000 { await Task.yield() }
        #expect(pulse.beatCount == after)
    }
}
