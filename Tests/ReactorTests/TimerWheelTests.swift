import Testing

@testable import Reactor

@Suite
struct TimerWheelTests {
    private let start = MonotonicInstant(nanoseconds: 1_000_000_000)

    @Test
    func firesInOrderAndNeverEarly() {
        var wheel = TimerWheel(start: start)
        var fired: [Int] = []
        _ = wheel.add(at: start + .milliseconds(40)) { fired.append(1) }
        _ = wheel.add(at: start + .milliseconds(20)) { fired.append(2) }
        for action in wheel.takeDue(upTo: start + .milliseconds(19)) { action() }
        #expect(fired.isEmpty)
        for action in wheel.takeDue(upTo: start + .milliseconds(32)) { action() }
        #expect(fired == [2])
        for action in wheel.takeDue(upTo: start + .milliseconds(60)) { action() }
        #expect(fired == [2, 1])
        #expect(wheel.count == 0)
        #expect(wheel.millisecondsToNext(from: start + .milliseconds(60)) == -1)
    }

    @Test
    func cancelledActionsNeverRun() {
        var wheel = TimerWheel(start: start)
        var fired = false
        let timer = wheel.add(at: start + .milliseconds(20)) { fired = true }
        wheel.cancel(timer)
        for action in wheel.takeDue(upTo: start + .seconds(1)) { action() }
        #expect(!fired)
    }

    @Test
    func sleepsUntilTheNextTimerOnly() {
        var wheel = TimerWheel(start: start)
        _ = wheel.add(at: start + .milliseconds(80)) {}
        let wait = wheel.millisecondsToNext(from: start)
        #expect(wait >= 80 && wait <= 97)
        #expect(wheel.millisecondsToNext(from: start + .milliseconds(200)) == 0)
    }

    @Test
    func findsTimersBeyondOneTurn() {
        var wheel = TimerWheel(start: start)
        var fired = 0
        _ = wheel.add(at: start + .seconds(30)) { fired += 1 }
        _ = wheel.add(at: start + .seconds(1)) { fired += 1 }
        for second in 1...40 {
            #expect(wheel.count == 0 || wheel.millisecondsToNext(from: start) <= 31_000)
            for action in wheel.takeDue(upTo: start + .seconds(second) + .milliseconds(20)) {
                action()
            }
            #expect(fired == (second >= 30 ? 2 : 1))
        }
    }

    @Test
    func survivesALongPause() {
        var wheel = TimerWheel(start: start)
        var fired = 0
        for delay in [1, 9, 20, 100] { _ = wheel.add(at: start + .seconds(delay)) { fired += 1 } }
        for action in wheel.takeDue(upTo: start + .seconds(200)) { action() }
        #expect(fired == 4)
    }
}
