package import DataPlane
import HTTP
import JSON
package import Model
import Telemetry

/// An Application Load Balancer: rules, target groups, functions as targets.
package struct LoadBalancerDoor: ExchangeHandler {
    /// The largest body for a function, and the largest answer of one.
    ///
    /// Unit: bytes. Source: AWS page "Lambda functions as targets".
    package static let functionLimit = 1 << 20
    /// The longest path with query, and the longest single field.
    ///
    /// Unit: bytes. Source: AWS page "How Elastic Load Balancing works", HTTP header limits.
    static let lineLimit = 16 << 10
    /// All fields of a request together.
    ///
    /// Unit: bytes. Source: as `lineLimit`.
    static let requestFieldsLimit = 64 << 10
    /// All fields of a response together.
    ///
    /// Unit: bytes. Source: as `lineLimit`.
    static let responseFieldsLimit = 32 << 10

    struct PreparedListener: Sendable {
        var listener: Model.Listener
        var evaluation: RuleEvaluation
        var settings: ListenerSettings
    }

    struct PreparedGroup: Sendable {
        var group: TargetGroup
        var settings: GroupSettings
    }

    let balancer: LoadBalancer
    let snapshot: Snapshot
    let ports: DoorPorts
    let state: DoorState
    let invoker: any FunctionInvoker
    let edge: String?
    let settings: BalancerSettings
    private let listeners: [PreparedListener]
    let groups: [String: PreparedGroup]
    private let accessLog: BalancerAccessLog?

    /// Makes the door of one load balancer as of a snapshot.
    package init(
        balancer: LoadBalancer,
        snapshot: Snapshot,
        ports: DoorPorts,
        state: DoorState,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.balancer = balancer
        self.snapshot = snapshot
        self.ports = ports
        self.state = state
        self.invoker = invoker
        self.edge = edge
        let settings = BalancerSettings(balancer)
        self.settings = settings
        listeners = balancer.listeners.map {
            PreparedListener(
                listener: $0,
                evaluation: RuleEvaluation($0),
                settings: ListenerSettings($0)
            )
        }
        groups = snapshot.targetGroups.mapValues {
            PreparedGroup(group: $0, settings: GroupSettings($0))
        }
        accessLog = settings.accessLog.map {
            BalancerAccessLog(
                balancer: balancer,
                place: $0,
                folder: snapshot.buckets[$0.bucket],
                log: log
            )
        }
    }

    /// What is gathered on a request's way.
    struct Passage {
        var listener: PreparedListener
        var port: Int
        var entry = BalancerLogEntry()
        /// Whether the connections on both sides end with this request.
        var closes = false
        /// Cookies to add to the response.
        var cookies = Headers()
    }

    /// Answers a request by the first rule that matches.
    package func respond(to exchange: inout Exchange) async -> Response {
        guard let listener = listener(isTLS: exchange.viewer.isTLS) else {
            return BalancerPages.response(503)
        }
        var passage = Passage(listener: listener, port: ports.real(listener.listener.port))
        begin(&passage, exchange)
        var response: Response
        if let status = refusal(of: exchange.request, &passage) {
            response = BalancerPages.response(status)
        } else {
            response = await decide(&exchange, &passage)
        }
        finish(&response, passage)
        return response
    }

    private func listener(isTLS: Bool) -> PreparedListener? {
        let wanted = isTLS ? 443 : 80
        return listeners.first { $0.listener.port == wanted }
            ?? listeners.first { $0.listener.isTLS == isTLS } ?? listeners.first
    }

    /// The status for a request that no rule gets to see; nil when it may go on.
    private func refusal(of head: RequestHead, _ passage: inout Passage) -> Int? {
        if head.method == "TRACE" { return 405 }
        if head.target.utf8.count > Self.lineLimit { return 414 }
        if head.version == .http11, !head.headers.contains("host") { return 400 }
        let fields = head.headers
        if fields.byteCount > Self.requestFieldsLimit
            || fields.indices.contains(where: { fields.length(at: $0) > Self.lineLimit })
        {
            return 400
        }
        let verdict = DesyncClassifier.classify(head)
        passage.entry.classification = verdict
        guard verdict.tier != .compliant else { return nil }
        switch settings.desyncMode {
        case .monitor: return nil
        case .strictest: return 400
        case .defensive:
            passage.closes = verdict.tier == .ambiguous
            return verdict.tier == .severe ? 400 : nil
        }
    }

    /// Runs the actions of the rule that takes the request.
    private func decide(_ exchange: inout Exchange, _ passage: inout Passage) async -> Response {
        if !exchange.request.headers.contains("host") {
            exchange.request.headers.append("Host", balancer.name.lowercased() + ".elb.localhost")
        }
        let decision = passage.listener.evaluation.decide(
            exchange.request,
            sourceIP: exchange.viewer.address
        )
        passage.entry.priority = decision.priority
        for action in decision.actions {
            switch action {
            case .fixedResponse(let status, let contentType, let body):
                passage.entry.actions.append("fixed-response")
                return fixed(status, contentType ?? "text/plain; charset=utf-8", body ?? "")
            case .redirect(let redirect):
                passage.entry.actions.append("redirect")
                let location = Redirects.location(
                    redirect,
                    exchange.request,
                    isTLS: passage.listener.listener.isTLS,
                    port: passage.port,
                    ports
                )
                passage.entry.redirect = location
                return Redirects.response(status: redirect.status, location: location)
            case .validateToken(let validation):
                passage.entry.actions.append("jwt-validation")
                if let status = await refusal(by: validation, exchange) {
                    return BalancerPages.response(status)
                }
            case .forward(let shares):
                return await forward(&exchange, decision, shares, stickySeconds: nil, &passage)
            case .stickyForward(let shares, let seconds):
                return await forward(&exchange, decision, shares, stickySeconds: seconds, &passage)
            }
        }
        return BalancerPages.response(503)
    }

    private func fixed(_ status: Int, _ contentType: String, _ body: String) -> Response {
        Response(
            head: ResponseHead(
                status: status,
                headers: ["Server": "awselb/2.0", "Content-Type": contentType]
            ),
            body: body.isEmpty ? .empty : .bytes(Array(body.utf8)[...])
        )
    }

    /// The status for a request whose token does not hold; nil when it does.
    private func refusal(by validation: TokenValidation, _ exchange: Exchange) async -> Int? {
        let field = exchange.request.headers["authorization"] ?? ""
        guard field.lowercased().hasPrefix("bearer "),
            let token = JSONWebToken(field.dropFirst(7).trimmingASCIIWhitespace())
        else { return 401 }
        let keys = await state.keySets.keys(
            at: validation.keySetURL,
            exchange.context,
            snapshot.originOverrides
        )
        guard let keys, keys.count <= 10 else { return 562 }
        let now = Double(EventTime.now()) / 1000
        guard token.header["alg"]?.string == "RS256", token.isSigned(byOneOf: keys),
            token.claims["iss"]?.string == validation.issuer,
            token.timeProblem(now: now, needsExpiry: true) == nil
        else { return 401 }
        let holds = validation.claims.allSatisfy { claim in
            let values = token.values(of: claim.name, splitting: claim.format == .words)
            return values.contains { claim.values.contains($0) }
        }
        return holds ? nil : 401
    }

    // MARK: The log

    private func begin(_ passage: inout Passage, _ exchange: Exchange) {
        guard accessLog != nil else { return }
        let head = exchange.request
        let viewer = exchange.viewer
        let isTLS = passage.listener.listener.isTLS
        passage.entry.createdAt = EventTime.nowMicroseconds()
        let scheme = isTLS ? "https" : "http"
        let upgrades = HopByHop.isWebSocket(head.headers)
        passage.entry.type =
            upgrades ? (isTLS ? "wss" : "ws") : head.version == .http2 ? "h2" : scheme
        passage.entry.balancer = balancer.fullName
        let address = viewer.address.contains(":") ? "[\(viewer.address)]" : viewer.address
        passage.entry.client = "\(address):\(viewer.port)"
        passage.entry.request =
            "\(head.method) \(scheme)://\(head.host):\(passage.port)\(head.target) "
            + "HTTP/\(head.version.text)"
        passage.entry.userAgent = head.headers["user-agent"]
        passage.entry.cipher = viewer.tlsCipher
        passage.entry.tlsProtocol = viewer.tlsProtocol
        passage.entry.domain = viewer.serverName
        var length = head.target.utf8.count + head.method.utf8.count + 14
        length += head.headers.byteCount + 4 * head.headers.count
        switch exchange.body {
        case .bytes(let bytes): length += bytes.count
        case .stream(_, let known): length += known ?? 0
        case .empty, .upgrade: break
        }
        passage.entry.receivedBytes = length
    }

    private func finish(_ response: inout Response, _ passage: Passage) {
        let listener = passage.listener.settings
        if !listener.keepsServerField { response.head.headers.remove("server") }
        for (name, value) in listener.inserted { response.head.headers.set(name, value) }
        for (name, value) in passage.cookies { response.head.headers.append(name, value) }
        if passage.closes
            || [400, 408].contains(response.head.status) && passage.entry.group == nil
        {
            response.closesConnection = true
        }
        guard let accessLog else { return }
        var entry = passage.entry
        entry.status = response.head.status
        entry.sentBytes =
            17 + response.head.headers.byteCount + 4 * response.head.headers.count
        let answered = EventTime.nowMicroseconds()
        MeteredBody.wrap(&response.body) { count in
            var entry = entry
            let now = EventTime.nowMicroseconds()
            entry.sentBytes += count
            if entry.targetTime != nil { entry.responseTime = Double(now - answered) / 1e6 }
            let line = entry.line(
                finished: now,
                connectionID: "TID_" + QuickRandom.hexadecimal(32)
            )
            accessLog.write(line, at: now)
        }
    }
}
