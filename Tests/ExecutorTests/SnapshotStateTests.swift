import Model
import Testing

@testable import Executor

@Suite
struct SnapshotStateTests {
    @Test("one prepares, the others wait, and then all fork")
    func prepares() {
        var state = SnapshotState()
        #expect(state.ask() == .prepare)
        #expect(state.ask() == .wait)
        state.prepared(isReady: true)
        #expect(state.ask() == .fork)
        state.end()
        #expect(state.ask() == .prepare)
        #expect(state.losses == 0)
    }

    @Test("what could not be prepared is tried again by the next who needs it")
    func fails() {
        var state = SnapshotState()
        for _ in 0..<10 {
            #expect(state.ask() == .prepare)
            state.prepared(isReady: false)
        }
    }

    // Limits: SnapshotState.lossLimit
    @Test("a process that is lost again and again is given up")
    func losses() {
        var state = SnapshotState()
        for _ in 0..<SnapshotState.lossLimit {
            #expect(state.ask() == .prepare)
            state.prepared(isReady: true)
            state.lose()
            state.lose()
        }
        #expect(state.ask() == .startPlainly)
        state.prepared(isReady: true)
        #expect(state.ask() == .startPlainly)
    }

    @Test("snapshots are made of versions with the setting that were published since the beginning")
    func ledger() {
        var ledger = SnapshotLedger()
        let first = version(1)
        #expect(ledger.follow(["f:1": first]) == [])
        #expect(ledger["f:1"] == nil)
        let second = version(2)
        var plain = version(3)
        plain.snapStart = nil
        let all = ["f:1": first, "f:2": second, "f:3": plain, "f:$LATEST": version(0)]
        #expect(ledger.follow(all) == [second])
        #expect(ledger["f:2"] == .preparing)
        #expect(ledger.follow(all) == [])
        ledger["f:2"] = .ready
        #expect(ledger["f:2"] == .ready)
        #expect(ledger.follow(["f:1": first]) == [])
        ledger["f:2"] = .ready
        #expect(ledger["f:2"] == nil)
    }

    private func version(_ number: Int) -> FunctionVersion {
        var version = FunctionVersion(
            name: "f",
            version: number,
            runtime: "python3.12",
            handler: "app.handler",
            codeDigest: "code"
        )
        version.snapStart = .publishedVersions
        return version
    }
}
