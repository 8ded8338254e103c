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
        #expect(!pulse.state.isBeating && pulse.state.beats == 0)
        pulse.begin()
        #expect(pulse.state.isBeating)
        while pulse.state.beats < 3 { await Task.yield() }
        pulse.end()
        #expect(!pulse.state.isBeating)
    }
}
