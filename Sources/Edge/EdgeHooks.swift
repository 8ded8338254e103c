import DataPlane
import HTTP
import Model
import Reactor
import Telemetry

/// A request that is about to go to its origin.
struct Outbound {
    var request: OriginRequest
    var body: Body
}

extension EdgePipeline {
    /// Runs the viewer-request hook: the request changes, or the function answers.
    func viewerRequest(
        _ exchange: inout Exchange,
        _ passage: inout Passage
    ) async throws(Stop) {
        guard !passage.isErrorPage else { return }
        if let function = passage.plan.viewerRequestFunction {
            return try runFunction(function, &exchange, &passage)
        }
        guard let hook = passage.plan.hook(.viewerRequest) else { return }
        var sent = EventRequest(
            clientIP: exchange.viewer.address,
            head: exchange.request,
            querystring: exchange.request.query ?? ""
        )
        if hook.includeBody {
            sent.body = try await peek(&exchange.body, EdgeLimits.viewerBody, passage)
        }
        let started = exchange.context.preciseTime
        let payload = try await invoke(hook, sent, nil, &exchange, passage)
        try take(payload, of: hook, sent, &exchange, passage, since: started)
    }

    /// Does what a function at viewer-request asks for.
    // Not part of its caller: what it needs would lie in the frame of a request that waits.
    @inline(never)
    private func take(
        _ payload: Bytes,
        of hook: EdgeFunctionAssociation,
        _ sent: EventRequest,
        _ exchange: inout Exchange,
        _ passage: Passage,
        since started: MonotonicInstant
    ) throws(Stop) {
        let result: RequestHookResult
        do throws(EdgeViolation) {
            result = try EdgeResults.decodeRequest(payload, event: .viewerRequest, sent: sent)
        } catch {
            guard let lenient = lenient(error, { LenientResults.request(payload, sent: sent) })
            else { throw fail(error, hook, &exchange, passage, started) }
            pardon(error, hook, &exchange, passage, started)
            result = lenient
        }
        switch result {
        case .response(let response):
            exchange.note(
                hook.event.rawValue,
                function: hook.qualifiedName,
                since: started,
                ["status: \(response.head.status)"],
                outcome: "respond"
            )
            throw Stop(
                head: response.head,
                body: response.body,
                result: "LambdaGeneratedResponse",
                isError: false
            )
        case .request(let changed):
            var next = exchange.request
            apply(changed, to: &next, body: &exchange.body)
            let (before, after) = (exchange.request, next)
            exchange.note(
                hook.event.rawValue,
                function: hook.qualifiedName,
                since: started,
                lazily: { Changes.between(before, after) }
            )
            exchange.request = after
        }
    }

    /// Runs the origin-request hook; an answer of the function counts as the origin's.
    @inline(never)
    func originRequest(
        _ outbound: inout Outbound,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) -> Answer? {
        guard let hook = passage.plan.hook(.originRequest) else { return nil }
        var sent = originView(outbound, exchange.viewer.address, passage.plan)
        if hook.includeBody {
            sent.body = try await peek(&outbound.body, EdgeLimits.originBody, passage)
        }
        let started = exchange.context.preciseTime
        let payload = try await invoke(hook, sent, nil, &exchange, passage)
        return try take(payload, of: hook, sent, &outbound, &exchange, passage, since: started)
    }

    /// Does what a function at origin-request asks for; the answer when it is one.
    @inline(never)
    private func take(
        _ payload: Bytes,
        of hook: EdgeFunctionAssociation,
        _ sent: EventRequest,
        _ outbound: inout Outbound,
        _ exchange: inout Exchange,
        _ passage: Passage,
        since started: MonotonicInstant
    ) throws(Stop) -> Answer? {
        let result: RequestHookResult
        do throws(EdgeViolation) {
            result = try EdgeResults.decodeRequest(
                payload,
                event: .originRequest,
                sent: sent,
                acceptsLocalOrigins: settings.acceptsLocalOrigins
            )
        } catch {
            guard let lenient = lenient(error, { LenientResults.request(payload, sent: sent) })
            else { throw fail(error, hook, &exchange, passage, started) }
            pardon(error, hook, &exchange, passage, started)
            result = lenient
        }
        switch result {
        case .response(let response):
            exchange.note(
                hook.event.rawValue,
                function: hook.qualifiedName,
                since: started,
                ["status: \(response.head.status)"],
                outcome: "respond"
            )
            var answer = Answer(
                head: response.head,
                body: response.body.isEmpty ? .empty : .bytes(response.body),
                result: "LambdaGeneratedResponse"
            )
            answer.settle()
            return answer
        case .request(let changed):
            let before = outbound.request
            apply(changed, to: &outbound.request.head, body: &outbound.body)
            if let origin = changed.origin { outbound.request.origin = origin }
            let after = outbound.request
            exchange.note(hook.event.rawValue, function: hook.qualifiedName, since: started) {
                let changes = Changes.between(before.head, after.head)
                let (old, new) = (before.origin.domainName, after.origin.domainName)
                return old == new ? changes : changes + ["origin: \(old) -> \(new)"]
            }
            return nil
        }
    }

    /// Runs the origin-response hook, also for the origin's errors and for its 304.
    @inline(never)
    func originResponse(
        _ answer: inout Answer,
        _ outbound: Outbound,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) {
        guard answer.mayBeKept, !answer.isUpgrade,
            let hook = passage.plan.hook(.originResponse)
        else { return }
        let sent = originView(outbound, exchange.viewer.address, passage.plan)
        _ = try await respond(hook, sent, &answer, &exchange, passage)
        answer.mayHaveErrorPage = answer.head.status >= 400
    }

    /// Runs the viewer-response hook; not for errors of the origin.
    func viewerResponse(
        _ answer: inout Answer,
        _ viewerHead: RequestHead,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) {
        let isKnownError = answer.isStored || answer.result == "LambdaGeneratedResponse"
        let mayRun =
            answer.runsViewerResponse || settings.viewerResponseOnErrors && isKnownError
        guard mayRun, !passage.isErrorPage, !answer.isUpgrade else { return }
        let body = answer.body
        if let function = passage.plan.viewerResponseFunction {
            do throws(Stop) {
                if try runFunction(function, viewerHead, &answer, &exchange, passage) {
                    await keep(body)
                }
            } catch {
                await keep(body)
                throw error
            }
            return
        }
        guard let hook = passage.plan.hook(.viewerResponse) else { return }
        let sent = EventRequest(
            clientIP: exchange.viewer.address,
            head: viewerHead,
            querystring: viewerHead.query ?? ""
        )
        do throws(Stop) {
            if try await respond(hook, sent, &answer, &exchange, passage) { await keep(body) }
        } catch {
            await keep(body)
            throw error
        }
    }

    /// Reads on for the cache what the viewer does not get: the hook stands behind the cache.
    func keep(_ body: Body) async {
        guard case .stream(let source, _) = body else { return }
        if let source = source as? TeeSource { await source.drain() }
        if let source = source as? SharedReader { await source.drain() }
        if let source = source as? DiskTee { await source.drain() }
    }

    /// Runs a response hook and tells whether it replaced the body.
    private func respond(
        _ hook: EdgeFunctionAssociation,
        _ sent: EventRequest,
        _ answer: inout Answer,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) -> Bool {
        let started = exchange.context.preciseTime
        let payload = try await invoke(hook, sent, answer.head, &exchange, passage)
        return try take(payload, of: hook, &answer, &exchange, passage, since: started)
    }

    /// Does what a function at a response asks for, and tells whether that replaced the body.
    @inline(never)
    private func take(
        _ payload: Bytes,
        of hook: EdgeFunctionAssociation,
        _ answer: inout Answer,
        _ exchange: inout Exchange,
        _ passage: Passage,
        since started: MonotonicInstant
    ) throws(Stop) -> Bool {
        let before = answer.head
        let result: ResponseResult
        do throws(EdgeViolation) {
            result = try EdgeResults.decodeResponse(payload, event: hook.event, sent: before)
        } catch {
            guard let lenient = lenient(error, { LenientResults.response(payload, sent: before) })
            else { throw fail(error, hook, &exchange, passage, started) }
            pardon(error, hook, &exchange, passage, started)
            result = lenient
        }
        let after = result.head
        exchange.note(hook.event.rawValue, function: hook.qualifiedName, since: started) {
            Changes.between(before, after)
        }
        answer.head = after
        guard let body = result.body,
            hook.event != .viewerResponse || settings.viewerResponseReplacesBody
        else { return false }
        answer.body = body.isEmpty ? .empty : .bytes(body)
        answer.head.headers.remove("content-length")
        answer.head.headers.append("Content-Length", String(body.count))
        return true
    }

    /// What a refused result comes to where leniency was asked for; nil where it stays refused.
    private func lenient<Result>(_ violation: EdgeViolation, _ read: () -> Result?) -> Result? {
        guard settings.isLenient, LenientResults.covers(violation.rule) else { return nil }
        return read()
    }

    /// Logs and notes a violation that was let through.
    private func pardon(
        _ violation: EdgeViolation,
        _ hook: EdgeFunctionAssociation,
        _ exchange: inout Exchange,
        _ passage: Passage,
        _ started: MonotonicInstant
    ) {
        log(
            "/aws/cloudfront/LambdaEdge/\(distribution.id) (\(passage.requestID)) WARN let through: "
                + "\(violation.detail) [\(violation.rule.rawValue)]"
        )
        let outcome = Self.lenientMark + violation.rule.rawValue
        exchange.note(
            hook.event.rawValue,
            function: hook.qualifiedName,
            since: started,
            [violation.detail],
            outcome: outcome
        )
    }

    /// What the outcome of a stage begins with when a breach was let through.
    static let lenientMark = "lenient "

    private func originView(
        _ outbound: Outbound,
        _ address: String,
        _ plan: BehaviorPlan
    ) -> EventRequest {
        let request = outbound.request
        var origin = request.origin
        if origin.protocolPolicy == .matchViewer {
            origin.protocolPolicy = request.isTLS ? .httpsOnly : .httpOnly
        }
        let query = plan.forwardsAllQueries ? request.head.query ?? "" : ""
        return EventRequest(
            clientIP: address,
            head: request.head,
            querystring: query,
            origin: origin
        )
    }

    private func apply(_ result: RequestResult, to head: inout RequestHead, body: inout Body) {
        head.path = result.path
        head.headers = result.headers
        if let query = result.querystring { head.query = query.isEmpty ? nil : query }
        if let data = result.body { body = data.isEmpty ? .empty : .bytes(data) }
    }

    private func invoke(
        _ hook: EdgeFunctionAssociation,
        _ request: EventRequest,
        _ response: ResponseHead?,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) -> Bytes {
        let started = exchange.context.preciseTime
        let payload = EdgeEvents.encode(
            hook.event,
            distribution: distribution,
            requestID: passage.requestID.description,
            request: request,
            response: response
        )
        var invocation = Invocation(
            function: hook.qualifiedName,
            payload: payload[...],
            requestID: RequestID.invocation(),
            edge: edge.name,
            limit: .seconds(30),
            maximumResponse: EdgeLimits.result
        )
        invocation.route = "\(distribution.id) \(hook.event.rawValue)"
        let violation: EdgeViolation
        switch await invoker.invoke(invocation) {
        case .success(let bytes): return bytes
        case .functionError(.responseTooLarge, _): violation = EdgeViolation(.responseTooLarge)
        case .functionError(let failure, let payload):
            let text = String(decoding: payload.prefix(1024), as: UTF8.self)
            violation = EdgeViolation(.executionFailed, "\(failure): \(text)")
        case .throttled(let reason): violation = EdgeViolation(.throttled, reason)
        case .notFound(let name):
            violation = EdgeViolation(.executionFailed, "function not found: \(name)")
        }
        throw fail(violation, hook, &exchange, passage, started)
    }

    /// Logs a violation and makes the error page for it.
    private func fail(
        _ violation: EdgeViolation,
        _ hook: EdgeFunctionAssociation,
        _ exchange: inout Exchange,
        _ passage: Passage,
        _ started: MonotonicInstant
    ) -> Stop {
        let rule = violation.rule
        let kind = rule.status == 502 ? "Validation error" : "Execution error"
        // The name of the log group comes first, as in "Test and debug Lambda@Edge functions".
        log(
            "/aws/cloudfront/LambdaEdge/\(distribution.id) (\(passage.requestID)) ERROR "
                + "\(kind): \(violation.detail) [\(rule.rawValue)]"
        )
        exchange.note(
            hook.event.rawValue,
            function: hook.qualifiedName,
            since: started,
            [violation.detail],
            outcome: rule.rawValue
        )
        return .error(
            rule.status,
            rule.text,
            requestID: passage.requestID,
            result: rule.resultType
        )
    }
}
