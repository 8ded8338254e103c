import Reactor
import Testing

@testable import Executor

struct CrowdingTests {
    /// Looks each 100 ms at a reactor that works for this share of the time; whether it is crowded in the end.
    private func look(_ crowding: inout Crowding, _ shares: [Double]) -> [Bool] {
        var (time, work) = (MonotonicInstant(nanoseconds: 1), Duration.zero)
        return shares.map { share in
            time = time + .milliseconds(100)
            work += .milliseconds(100) * share
            _ = crowding.note(work, at: time)
            return crowding.isCrowded
        }
    }

    @Test("A reactor is crowded from one share of time on until it falls below a smaller one")
    func hysteresis() {
        var crowding = Crowding()
        let shares = [0.5, 0.5, 0.5, 0.7, 0.7, 0.5, 0.5, 0.3, 0.3, 0.5, 0.5]
        #expect(
            look(&crowding, shares)
                == [false, false, false, false, true, true, true, true, false, false, false]
        )
    }

    @Test("A short burst does not count, and a change is told once")
    func bursts() {
        var crowding = Crowding()
        let start = MonotonicInstant(nanoseconds: 1)
        // Nobody looks while nothing is to do, as between the last two.
        let looks = [(0, 0), (100, 100), (100, 200), (300, 400), (500, 600), (510, 60_000)]
        var changes: [Bool] = []
        for (work, time) in looks {
            changes.append(crowding.note(.milliseconds(work), at: start + .milliseconds(time)))
        }
        #expect(changes == [false, false, false, true, false, true])
        #expect(!crowding.isCrowded)
    }
}
