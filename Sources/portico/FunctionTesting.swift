import ControlPlane
import Edge
import Reactor

extension FunctionHost {
    /// What TestFunction answers: a run in a context of its own, on one of the reactors.
    func outcome(of test: FunctionTest, on reactor: Reactor) async -> FunctionTest.Outcome? {
        guard
            let function = ViewerFunction(
                record: test.record,
                stage: test.stage,
                in: test.snapshot,
                host: self,
                kind: test.isConnection ? .connection : .message
            )
        else { return nil }
        return await withCheckedContinuation { continuation in
            reactor.submit { [self] in
                let run = self.test(function, event: test.event)
                var outcome = FunctionTest.Outcome()
                outcome.output = run.output
                outcome.error = run.error
                outcome.logs = run.logs
                outcome.utilization = run.utilization
                outcome.failure = run.failure
                continuation.resume(returning: outcome)
            }
        }
    }
}
