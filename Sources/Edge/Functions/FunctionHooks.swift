import DataPlane
import HTTP
import Model
import Reactor
import Telemetry

extension EdgePipeline {
    /// Runs the CloudFront Function at viewer-request: the request changes, or the function answers.
    func runFunction(
        _ function: ViewerFunction,
        _ exchange: inout Exchange,
        _ passage: inout Passage
    ) throws(Stop) {
        // Functions see CloudFront's own headers where a policy asks for them.
        var head = exchange.request
        addCloudFrontHeaders(&head, exchange.viewer, passage)
        let event = functionEvent(.viewerRequest, exchange, passage, head, nil)
        let text = event.encoded()
        let started = exchange.context.preciseTime
        let outcome = try run(function, event, text.bytes, &exchange, passage, started)
        let result: FunctionResults.Result
        do throws(FunctionViolation) {
            if !outcome.changes.isEmpty {
                let origins = FunctionOrigins(
                    distribution: distribution,
                    request: head,
                    acceptsLocal: settings.acceptsLocalOrigins
                )
                let plan = passage.plan
                let choice = try origins.apply(
                    outcome.changes,
                    to: OriginChoice(
                        origins: plan.origins.map(\.origin),
                        failoverStatuses: plan.failoverStatuses
                    )
                )
                for remark in choice.remarks { logFunction(function, passage, remark) }
                passage.choice = choice
            }
            if let quick = QuickFunctionResult(event, text).read(outcome.json) {
                result = quick
            } else {
                result = try FunctionResults(event: event).read(outcome.json)
            }
        } catch {
            guard let lenient = lenient(event, outcome.json) else {
                throw failFunction(error, function, event, &exchange, passage, started)
            }
            pardon(error, function, event, &exchange, passage, started)
            result = lenient
        }
        switch result {
        case .request(let next):
            let seen = event.request
            exchange.note(
                event.event.rawValue,
                function: function.name,
                since: started,
                lazily: { Changes.between(seen, next) }
            )
            exchange.request = next
        case .response(let response, let body):
            let line = ["status: \(response.status)"]
            exchange.note(
                event.event.rawValue,
                function: function.name,
                since: started,
                line,
                outcome: "respond"
            )
            // Final: not cached, and no custom error page stands for it.
            throw Stop(
                head: response,
                body: body ?? [],
                result: "FunctionGeneratedResponse",
                isError: false
            )
        }
    }

    /// Runs the CloudFront Function at viewer-response and tells whether it replaced the body.
    func runFunction(
        _ function: ViewerFunction,
        _ viewerHead: RequestHead,
        _ answer: inout Answer,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) throws(Stop) -> Bool {
        let event = functionEvent(.viewerResponse, exchange, passage, viewerHead, answer.head)
        let text = event.encoded()
        let started = exchange.context.preciseTime
        let outcome = try run(function, event, text.bytes, &exchange, passage, started)
        let result: FunctionResults.Result
        do throws(FunctionViolation) {
            if let quick = QuickFunctionResult(event, text).read(outcome.json) {
                result = quick
            } else {
                result = try FunctionResults(event: event).read(outcome.json)
            }
        } catch {
            guard let lenient = lenient(event, outcome.json) else {
                throw failFunction(error, function, event, &exchange, passage, started)
            }
            pardon(error, function, event, &exchange, passage, started)
            result = lenient
        }
        guard case .response(let head, let body) = result else { return false }
        let before = answer.head
        exchange.note(
            event.event.rawValue,
            function: function.name,
            since: started,
            lazily: { Changes.between(before, head) }
        )
        answer.head = head
        guard let body else { return false }
        answer.body = body.isEmpty ? .empty : .bytes(body)
        answer.isStored = false
        answer.head.headers.set("Content-Length", String(body.count))
        return true
    }

    /// What a refused result comes to where leniency was asked for; nil where it stays refused.
    private func lenient(_ event: FunctionEvent, _ json: [UInt8]) -> FunctionResults.Result? {
        guard settings.isLenient else { return nil }
        return try? FunctionResults(event: event, isLenient: true).read(json)
    }

    /// Logs and notes a violation that was let through.
    private func pardon(
        _ violation: FunctionViolation,
        _ function: ViewerFunction,
        _ event: FunctionEvent,
        _ exchange: inout Exchange,
        _ passage: Passage,
        _ started: MonotonicInstant
    ) {
        let rule = violation.rule.rawValue
        logFunction(function, passage, "WARN let through: \(violation.detail) [\(rule)]")
        let outcome = Self.lenientMark + rule
        exchange.note(
            event.event.rawValue,
            function: function.name,
            since: started,
            [violation.detail],
            outcome: outcome
        )
    }

    private func functionEvent(
        _ event: EdgeEvent,
        _ exchange: Exchange,
        _ passage: Passage,
        _ request: RequestHead,
        _ response: ResponseHead?
    ) -> FunctionEvent {
        FunctionEvent(
            event: event,
            frame: functionFrame,
            requestID: passage.requestID.description,
            address: exchange.viewer.address,
            request: request,
            response: response
        )
    }

    private func run(
        _ function: ViewerFunction,
        _ event: FunctionEvent,
        _ text: [UInt8],
        _ exchange: inout Exchange,
        _ passage: Passage,
        _ started: MonotonicInstant
    ) throws(Stop) -> (json: [UInt8], changes: [UInt8]) {
        guard let host = functionHost else {
            let violation = FunctionViolation(.executionFailed, "no functions run here")
            throw failFunction(violation, function, event, &exchange, passage, started)
        }
        let outcome = host.run(function, text, on: exchange.context.reactor)
        if !outcome.logs.isEmpty {
            logFunction(function, passage, "START DistributionID: \(distribution.id)")
            for line in outcome.logs { logFunction(function, passage, line) }
            logFunction(function, passage, "END")
        }
        let violation: FunctionViolation
        switch outcome.end {
        case .value(let json): return (json, outcome.changes)
        case .exception(let text): violation = FunctionViolation(.executionFailed, text)
        case .interrupted: violation = FunctionViolation(.tooSlow, "It ran too long.")
        case .outOfMemory:
            violation = FunctionViolation(.tooMuchMemory, "It keeps too much memory.")
        case .throttled: violation = FunctionViolation(.throttled)
        case .noLibrary: violation = FunctionViolation(.executionFailed, FunctionHost.advice)
        }
        throw failFunction(violation, function, event, &exchange, passage, started)
    }

    /// A line in the function's log group, as in "Edge function logs".
    private func logFunction(_ function: ViewerFunction, _ passage: Passage, _ text: String) {
        log("/aws/cloudfront/function/\(function.name) \(passage.requestID) \(text)")
    }

    /// Logs a violation and makes the error page for it.
    private func failFunction(
        _ violation: FunctionViolation,
        _ function: ViewerFunction,
        _ event: FunctionEvent,
        _ exchange: inout Exchange,
        _ passage: Passage,
        _ started: MonotonicInstant
    ) -> Stop {
        let rule = violation.rule
        logFunction(function, passage, "ERROR \(violation.detail) [\(rule.rawValue)]")
        exchange.note(
            event.event.rawValue,
            function: function.name,
            since: started,
            [violation.detail],
            outcome: rule.rawValue
        )
        return .error(
            rule.status,
            rule.text,
            requestID: passage.requestID,
            result: rule == .throttled ? settings.throttledResult : rule.resultType
        )
    }
}
