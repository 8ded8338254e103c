import DataPlane
import HTTP
import Model
import Telemetry

/// How requests reach targets.
extension LoadBalancerDoor {
    /// Sends a request to a target of one of the groups.
    func forward(
        _ exchange: inout Exchange,
        _ decision: RuleEvaluation.Decision,
        _ shares: [RuleAction.WeightedTargetGroup],
        stickySeconds: Int?,
        _ passage: inout Passage
    ) async -> Response {
        passage.entry.actions.append("forward")
        guard let arn = chooseGroup(exchange.request, shares, stickySeconds, &passage),
            let group = groups[arn],
            let target = chooseTarget(exchange.request, group)
        else { return BalancerPages.response(503) }
        passage.entry.group = arn
        if !speaks(exchange.request, group.group.version) { return BalancerPages.response(464) }
        let forwarding = ForwardedHead(
            settings: settings,
            listener: passage.listener.settings,
            viewer: exchange.viewer,
            isTLS: passage.listener.listener.isTLS,
            port: passage.port
        )
        guard var head = forwarding.make(exchange.request) else {
            return BalancerPages.response(463)
        }
        passage.entry.trace = head.headers["x-amzn-trace-id"]
        do throws(RuleEvaluation.Decision.RewriteFailure) {
            try decision.rewrite(&head)
        } catch {
            passage.entry.transformStatus = error.rawValue
            return BalancerPages.response(500)
        }
        if !decision.rewrites.isEmpty {
            passage.entry.transformStatus = "TransformSuccess"
            passage.entry.transformedHost = head.headers["host"]
            passage.entry.transformedURI = head.target
        }
        let started = ContinuousClock.now
        var response: Response
        switch target {
        case .address(let host, let port):
            response = await send(&exchange, head, to: group, target, host, port, &passage)
        case .function(let reference):
            response = await call(&exchange, head, group.group, reference, &passage)
        }
        note(&exchange, started, target, response.head.status, &passage)
        remember(target, group, &response, &passage)
        return response
    }

    /// Whether a group's targets can be spoken to in the protocol of a request.
    private func speaks(_ head: RequestHead, _ version: TargetGroup.Version) -> Bool {
        switch version {
        case .http1: head.version != .http2 || !head.headers.isGRPC
        case .http2: head.version == .http2
        case .grpc: head.version == .http2 && head.method == "POST"
        }
    }

    private func note(
        _ exchange: inout Exchange,
        _ started: ContinuousClock.Instant,
        _ target: TargetGroup.Target,
        _ status: Int,
        _ passage: inout Passage
    ) {
        let time = ContinuousClock.now - started
        passage.entry.requestTime = 0
        passage.entry.targetTime = time / .seconds(1)
        guard case .address(let host, let port) = target else { return }
        exchange.record.stages.append(
            TimelineEntry(
                stage: "target",
                durationMicroseconds: Int(time / .microseconds(1)),
                changes: ["target: \(host):\(port)"],
                outcome: "\(status)"
            )
        )
    }

    // MARK: Choosing

    /// The group that a viewer's cookie names, else the one whose turn it is.
    private func chooseGroup(
        _ head: RequestHead,
        _ shares: [RuleAction.WeightedTargetGroup],
        _ stickySeconds: Int?,
        _ passage: inout Passage
    ) -> String? {
        guard let stickySeconds else { return state.board.choose(shares) }
        let now = EventTime.now()
        let value =
            StickyCookies.value(of: "AWSALBTG", in: head.headers)
            ?? StickyCookies.value(of: "AWSALBTGCORS", in: head.headers)
        let ticket = value.flatMap { state.cookies.open($0, lasting: stickySeconds, now: now) }
        if value != nil, ticket == nil { passage.entry.errorReason = "AWSALBTGCookieInvalid" }
        let kept = shares.first { $0.arn == ticket?.group && $0.weight > 0 }?.arn
        guard let arn = kept ?? state.board.choose(shares) else { return nil }
        state.cookies.set(
            "AWSALBTG",
            twin: "AWSALBTGCORS",
            .init(group: arn, issuedAt: now),
            in: &passage.cookies
        )
        return arn
    }

    /// The target that a viewer's cookie names, else the next by the group's algorithm.
    private func chooseTarget(_ head: RequestHead, _ group: PreparedGroup) -> TargetGroup.Target? {
        sticky(head, group)
            ?? state.board.next(in: group.group, group.settings, at: .now)
    }

    private func sticky(_ head: RequestHead, _ group: PreparedGroup) -> TargetGroup.Target? {
        let value: String?
        let lifetime: Int
        switch group.settings.stickiness {
        case .none: return nil
        case .balancer(let seconds):
            lifetime = seconds
            value =
                StickyCookies.value(of: "AWSALB", in: head.headers)
                ?? StickyCookies.value(of: "AWSALBCORS", in: head.headers)
        case .application(let cookie, let seconds):
            guard StickyCookies.value(of: cookie, in: head.headers) != nil else { return nil }
            lifetime = seconds
            value = StickyCookies.value(of: "AWSALBAPP-0", in: head.headers)
        }
        guard let value,
            let ticket = state.cookies.open(value, lasting: lifetime, now: EventTime.now()),
            ticket.group == group.group.arn,
            let target = group.group.targets.first(where: {
                StickyCookies.name(of: $0) == ticket.target
            }), state.board.isEligible(target, in: group.group, group.settings)
        else { return nil }
        return target
    }

    /// Gives the viewer the cookie by which it will come back to this target.
    private func remember(
        _ target: TargetGroup.Target,
        _ group: PreparedGroup,
        _ response: inout Response,
        _ passage: inout Passage
    ) {
        guard case .address = target, passage.entry.targetStatus != nil else { return }
        let ticket = StickyCookies.Ticket(
            group: group.group.arn,
            target: StickyCookies.name(of: target),
            issuedAt: EventTime.now()
        )
        switch group.settings.stickiness {
        case .none: break
        case .balancer:
            state.cookies.set("AWSALB", twin: "AWSALBCORS", ticket, in: &passage.cookies)
        case .application(let cookie, _):
            guard StickyCookies.sets(cookie, in: response.head.headers) else { return }
            state.cookies.set("AWSALBAPP-0", twin: nil, ticket, in: &passage.cookies)
        }
    }

    // MARK: Targets

    private func send(
        _ exchange: inout Exchange,
        _ head: RequestHead,
        to group: PreparedGroup,
        _ target: TargetGroup.Target,
        _ host: String,
        _ port: Int,
        _ passage: inout Passage
    ) async -> Response {
        var head = head
        let upgrades = HopByHop.isWebSocket(head.headers)
        HopByHop.strip(&head.headers, keepingUpgrade: upgrades)
        head.headers.remove("content-length")
        head.version = .http11
        passage.entry.target = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        var limits = UpstreamLimits()
        limits.response = settings.idleTimeout
        limits.attempts = 1
        if passage.closes { limits.keepAlive = .zero }
        var address = UpstreamTarget(
            host: host,
            port: port,
            isTLS: group.group.isTLS,
            verifies: false
        )
        address.version = group.group.version == .http1 ? .http11 : .http2
        let board = state.board
        let arn = group.group.arn
        board.began(target, in: arn)
        do throws(Fault) {
            var response = try await exchange.context.upstream.send(
                head,
                body: exchange.body,
                to: address,
                limits: limits,
                link: exchange.link
            )
            passage.entry.targetStatus = response.head.status
            MeteredBody.wrap(&response.body) { _ in board.ended(target, in: arn) }
            HopByHop.strip(&response.head.headers, keepingUpgrade: response.head.status == 101)
            guard response.head.headers.byteCount <= Self.responseFieldsLimit else {
                return BalancerPages.response(502)
            }
            return response
        } catch {
            board.ended(target, in: arn)
            return BalancerPages.response(for: error)
        }
    }

    private func call(
        _ exchange: inout Exchange,
        _ head: RequestHead,
        _ group: TargetGroup,
        _ reference: String,
        _ passage: inout Passage
    ) async -> Response {
        func refuse(_ status: Int, _ reason: String) -> Response {
            passage.entry.errorReason = reason
            return BalancerPages.response(status)
        }
        if HopByHop.isWebSocket(head.headers) { return refuse(400, "LambdaWebsocketNotSupported") }
        guard let function = snapshot.resolve(function: reference) else {
            return refuse(502, "LambdaResourceNotFound")
        }
        guard head.headers.isUTF8 else { return refuse(502, "LambdaBadRequest") }
        let body: Bytes
        do throws(Fault) {
            body = try await Payloads.collect(exchange.body, limit: Self.functionLimit)
        } catch {
            if error.kind == .bodyTooLarge { passage.entry.errorReason = "LambdaRequestTooLarge" }
            return BalancerPages.response(for: error)
        }
        let event = BalancerEvents.encode(head, body: body, targetGroup: group)
        let caller = FunctionCall.loadBalancer(targetGroup: group.arn)
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: settings.idleTimeout,
                maximumResponse: Self.functionLimit
            ),
            as: caller,
            reference: reference,
            stage: "target",
            trace: head.headers["x-amzn-trace-id"],
            &exchange
        )
        switch result {
        case .success(let payload):
            guard payload.count <= Self.functionLimit else {
                return refuse(502, "LambdaResponseTooLarge")
            }
            let answer = BalancerEvents.decode(payload, multiValue: group.multiValueHeaders)
            passage.entry.targetStatus = answer?.head.status
            return answer ?? refuse(502, "LambdaInvalidResponse")
        case .functionError(.timeout, _):
            let status = timeoutStatus(function)
            return refuse(status, status == 504 ? "LambdaConnectionTimeout" : "LambdaUnhandled")
        case .functionError(.responseTooLarge, _): return refuse(502, "LambdaResponseTooLarge")
        case .functionError: return refuse(502, "LambdaUnhandled")
        case .throttled: return refuse(502, "LambdaThrottling")
        case .notFound:
            let isKnown = snapshot.permits(caller, toInvoke: reference)
            return refuse(502, isKnown ? "LambdaResourceNotFound" : "LambdaAccessDenied")
        }
    }

    /// A function that ran into its own timeout has failed; else the balancer gave up waiting.
    private func timeoutStatus(_ function: String) -> Int {
        guard let version = snapshot.functions[function] else { return 504 }
        return .seconds(version.timeout) < settings.idleTimeout ? 502 : 504
    }
}

extension Headers {
    /// Whether all values can stand in JSON as they are.
    var isUTF8: Bool {
        indices.allSatisfy { index in
            withValue(at: index) { bytes in
                bytes.allSatisfy { $0 < 0x80 }
                    || String(validating: bytes, as: UTF8.self) != nil
            }
        }
    }
}
