import DataPlane
import HTTP
import Model
import Telemetry

/// Calls functions for a door: asks the resource policy first and notes the stage in the timeline.
struct PermittedInvoker: Sendable {
    let snapshot: Snapshot
    let base: any FunctionInvoker

    /// Runs the function, or answers `notFound` without running it when its policy does not cover the call.
    ///
    /// `reference` is the function as the door's configuration names it: its policy is that of
    /// exactly this version, alias or unqualified function. `trace` is the trace field as this door
    /// continues it; nil leaves the viewer's.
    func invoke(
        _ invocation: Invocation,
        as call: FunctionCall,
        reference: String,
        stage: String,
        trace: String? = nil,
        _ exchange: inout Exchange
    ) async -> InvocationResult {
        let began = ContinuousClock.now
        let result: InvocationResult
        let outcome: String
        var invocation = invocation
        invocation.arn = FunctionARN(reference)?.text
        invocation.route = call.sourceARN ?? stage
        invocation.traceID = trace ?? exchange.request.headers["x-amzn-trace-id"]
        if snapshot.permits(call, toInvoke: reference) {
            result = await base.invoke(invocation)
            outcome = Self.outcome(result)
        } else {
            result = .notFound(reference)
            outcome = "LambdaAccessDenied: no permission for \(call.principal)"
        }
        exchange.record.stages.append(
            TimelineEntry(
                stage: stage,
                durationMicroseconds: Int((ContinuousClock.now - began) / .microseconds(1)),
                function: invocation.function,
                outcome: outcome
            )
        )
        return result
    }

    static func outcome(_ result: InvocationResult) -> String {
        switch result {
        case .success: "proceed"
        case .functionError(let kind, _): "function error: \(kind)"
        case .throttled: "throttled"
        case .notFound: "function not found"
        }
    }
}

extension Exchange {
    /// Notes in the timeline that a function ran.
    mutating func noteFunction(
        _ function: String,
        stage: String,
        since began: ContinuousClock.Instant,
        _ result: InvocationResult
    ) {
        record.stages.append(
            TimelineEntry(
                stage: stage,
                durationMicroseconds: Int((ContinuousClock.now - began) / .microseconds(1)),
                function: function,
                outcome: PermittedInvoker.outcome(result)
            )
        )
    }
}
