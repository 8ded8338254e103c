package import DataPlane
import HTTP
package import Model

/// The ports of this process that stand for 443 and 80.
package struct DoorPorts: Sendable, Hashable {
    package var https: Int
    package var http: Int

    /// Makes the two ports.
    package init(https: Int, http: Int) {
        self.https = https
        self.http = http
    }

    func real(_ port: Int) -> Int { port == 443 ? https : port == 80 ? http : port }
}

/// An Application Load Balancer: rules, target groups, functions as targets.
package struct LoadBalancerDoor: ExchangeHandler {
    /// The largest body for a function.
    ///
    /// Unit: bytes.
    package static let functionLimit = 1 << 20
    /// Connections idle for longer are given up.
    package static let idleTimeout: Duration = .seconds(60)
    private static let forwardedLimit = 30

    private let balancer: LoadBalancer
    private let snapshot: Snapshot
    private let ports: DoorPorts
    private let board: HealthBoard
    private let invoker: any FunctionInvoker
    private let edge: String?

    /// Makes the door of one load balancer as of a snapshot.
    package init(
        balancer: LoadBalancer,
        snapshot: Snapshot,
        ports: DoorPorts,
        board: HealthBoard,
        invoker: any FunctionInvoker,
        edge: String? = nil
    ) {
        self.balancer = balancer
        self.snapshot = snapshot
        self.ports = ports
        self.board = board
        self.invoker = invoker
        self.edge = edge
    }

    /// Answers a request by the first rule that matches.
    package func respond(to exchange: inout Exchange) async -> Response {
        let request = exchange.request
        guard let listener = listener(isTLS: exchange.viewer.isTLS) else {
            return BalancerPages.response(503)
        }
        if request.method == "TRACE" { return BalancerPages.response(405) }
        if request.version == .http11, !request.headers.contains("host") {
            return BalancerPages.response(400)
        }
        let actions = RuleEvaluation.actions(
            of: listener,
            for: request,
            sourceIP: exchange.viewer.address
        )
        for action in actions {
            switch action {
            case .fixedResponse(let status, let contentType, let body):
                return fixed(status, contentType ?? "text/plain; charset=utf-8", body ?? "")
            case .redirect(let redirect):
                return Self.redirect(
                    redirect,
                    request,
                    isTLS: listener.isTLS,
                    port: port(of: listener),
                    ports
                )
            case .forward(let groups):
                return await forward(&exchange, to: groups, listener)
            }
        }
        return BalancerPages.response(503)
    }

    private func listener(isTLS: Bool) -> Model.Listener? {
        let wanted = isTLS ? 443 : 80
        return balancer.listeners.first { $0.port == wanted }
            ?? balancer.listeners.first { $0.isTLS == isTLS } ?? balancer.listeners.first
    }

    private func port(of listener: Model.Listener) -> Int { ports.real(listener.port) }

    private func fixed(_ status: Int, _ contentType: String, _ body: String) -> Response {
        Response(
            head: ResponseHead(
                status: status,
                headers: ["Server": "awselb/2.0", "Content-Type": contentType]
            ),
            body: body.isEmpty ? .empty : .bytes(Array(body.utf8)[...])
        )
    }

    /// The answer of a redirect action; 443 and 80 become this process's ports.
    static func redirect(
        _ action: RedirectAction,
        _ request: RequestHead,
        isTLS: Bool,
        port: Int,
        _ ports: DoorPorts
    ) -> Response {
        let host = request.host.contains(":") ? "[\(request.host)]" : request.host
        let values = [
            "#{protocol}": isTLS ? "https" : "http", "#{host}": host, "#{port}": String(port),
            "#{path}": String(request.path.dropFirst()), "#{query}": request.query ?? "",
        ]
        func expand(_ text: String) -> String { expanded(text, values) }
        let scheme = expand(action.scheme).lowercased()
        var realPort = expand(action.port)
        if let number = Int(realPort) { realPort = String(ports.real(number)) }
        let query = expand(action.query)
        let location =
            "\(scheme)://\(expand(action.host)):\(realPort)\(expand(action.path))"
            + (query.isEmpty ? "" : "?" + query)
        var response = BalancerPages.response(action.status)
        response.head.headers.append("Location", location)
        return response
    }

    /// Replaces the placeholders in one pass, so that what they bring in is not expanded again.
    private static func expanded(_ text: String, _ values: [String: String]) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "#") {
            result += rest[..<start]
            rest = rest[start...]
            if let end = rest.firstIndex(of: "}"), let value = values[String(rest[...end])] {
                result += value
                rest = rest[rest.index(after: end)...]
            } else {
                result += "#"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private func forward(
        _ exchange: inout Exchange,
        to groups: [RuleAction.WeightedTargetGroup],
        _ listener: Model.Listener
    ) async -> Response {
        guard let arn = board.choose(groups), let group = snapshot.targetGroups[arn],
            let target = board.next(in: group)
        else { return BalancerPages.response(503) }
        guard
            let head = ForwardedHead.make(
                exchange.request,
                viewer: exchange.viewer,
                isTLS: listener.isTLS,
                port: port(of: listener),
                limit: Self.forwardedLimit
            )
        else { return BalancerPages.response(463) }
        switch target {
        case .address(let host, let port):
            return await send(&exchange, head, to: group, host: host, port: port)
        case .function(let reference): return await call(&exchange, head, group, reference)
        }
    }

    private func send(
        _ exchange: inout Exchange,
        _ head: RequestHead,
        to group: TargetGroup,
        host: String,
        port: Int
    ) async -> Response {
        var head = head
        let upgrades = HopByHop.isWebSocket(head.headers)
        HopByHop.strip(&head.headers, keepingUpgrade: upgrades)
        head.headers.remove("content-length")
        head.version = .http11
        var limits = UpstreamLimits()
        limits.response = Self.idleTimeout
        limits.attempts = 1
        do throws(Fault) {
            var response = try await exchange.context.upstream.send(
                head,
                body: exchange.body,
                to: UpstreamTarget(host: host, port: port, isTLS: group.isTLS, verifies: false),
                limits: limits,
                interim: exchange.sendInterim
            )
            HopByHop.strip(
                &response.head.headers,
                keepingUpgrade: response.head.status == 101
            )
            return response
        } catch {
            return BalancerPages.response(for: error)
        }
    }

    private func call(
        _ exchange: inout Exchange,
        _ head: RequestHead,
        _ group: TargetGroup,
        _ reference: String
    ) async -> Response {
        if HopByHop.isWebSocket(head.headers) { return BalancerPages.response(400) }
        guard let function = snapshot.resolve(function: reference) else {
            return BalancerPages.response(502)
        }
        let body: Bytes
        do throws(Fault) {
            body = try await Payloads.collect(exchange.body, limit: Self.functionLimit)
        } catch {
            return BalancerPages.response(for: error)
        }
        let event = BalancerEvents.encode(head, body: body, targetGroup: group)
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: Self.idleTimeout,
                maximumResponse: Self.functionLimit
            ),
            as: .loadBalancer(targetGroup: group.arn),
            reference: reference,
            stage: "target",
            &exchange
        )
        switch result {
        case .success(let payload):
            guard payload.count <= Self.functionLimit else { return BalancerPages.response(502) }
            return BalancerEvents.decode(payload, multiValue: group.multiValueHeaders)
                ?? BalancerPages.response(502)
        case .functionError(.timeout, _): return BalancerPages.response(timeoutStatus(function))
        case .functionError, .throttled, .notFound: return BalancerPages.response(502)
        }
    }

    /// A function that ran into its own timeout has failed; else the balancer gave up waiting.
    private func timeoutStatus(_ function: String) -> Int {
        guard let version = snapshot.functions[function] else { return 504 }
        return .seconds(version.timeout) < Self.idleTimeout ? 502 : 504
    }
}
