package import DataPlane
package import Executor
import Foundation
package import HTTP
package import Model
package import Registry
package import Telemetry

/// The pages of a node under `/_portico/`: health, metrics, edges, event sources and the latest requests.
package final class NodePages: ExchangeHandler {
    private let snapshot: @Sendable () -> Snapshot
    private let edges: @Sendable () -> [ReplicaStatus]
    private let requests: RequestLog
    private let load: @Sendable () -> LoadReport?
    private let sources: @Sendable () -> [String: SourceStatus]
    private let segments: @Sendable () -> SegmentCounts?
    private let logs: LogPage?
    private let costs: CostPage?
    private let operate: @Sendable (RequestHead) async -> Response?

    /// Makes the pages; `load` tells how the node stands with viewers, if it has any, `segments` how its traces fare, `logs` and `costs` what
    /// its functions wrote and used, and `operate` answers a POST, or nil when it knows none of that path.
    package init(
        snapshot: @escaping @Sendable () -> Snapshot,
        edges: @escaping @Sendable () -> [ReplicaStatus],
        requests: RequestLog,
        load: @escaping @Sendable () -> LoadReport? = { nil },
        sources: @escaping @Sendable () -> [String: SourceStatus] = { [:] },
        segments: @escaping @Sendable () -> SegmentCounts? = { nil },
        logs: LogPage? = nil,
        costs: CostPage? = nil,
        operate: @escaping @Sendable (RequestHead) async -> Response? = { _ in nil }
    ) {
        self.snapshot = snapshot
        self.edges = edges
        self.requests = requests
        self.load = load
        self.sources = sources
        self.segments = segments
        self.logs = logs
        self.costs = costs
        self.operate = operate
    }

    /// Answers a request for a page.
    package func respond(to exchange: inout Exchange) async -> Response {
        if let refusal = Self.refusal(of: exchange.request) { return refusal }
        let request = exchange.request
        if request.method == "POST", let answer = await operate(request) { return answer }
        guard request.method == "GET" || request.method == "HEAD" else {
            return Response(status: 405, text: "only GET is allowed here\n")
        }
        switch request.path {
        case "/_portico/health":
            return json(
                Health(
                    status: "ready",
                    revision: snapshot().revision,
                    edges: edges(),
                    load: load()
                )
            )
        case "/_portico/metrics":
            let text = MetricsPage.text(
                revision: snapshot().revision,
                edges: edges(),
                load: load(),
                sources: sources(),
                segments: segments()
            )
            return Response(status: 200, contentType: MetricsPage.contentType, text: text)
        case "/_portico/edges":
            return json(edges())
        case "/_portico/sources":
            return json(sources())
        case "/_portico/requests":
            let given = Query(request.query)["limit"]
            guard let limit = given.map({ Int($0) }) ?? 100, limit >= 0 else {
                return Response(status: 400, text: "limit is a number of requests\n")
            }
            return json(requests.latest(limit))
        case "/_portico/logs":
            guard let logs else { break }
            let (status, text) = logs.answer(Query(request.query, plusIsSpace: true))
            guard status == 200 else { return Response(status: status, text: text) }
            return Response(status: 200, contentType: "application/json", text: text)
        case "/_portico/cost":
            guard let costs else { break }
            return json(costs.used)
        default: break
        }
        return Response(status: 404, text: "there is no page \(request.path)\n")
    }

    private struct Health: Encodable {
        var status: String
        var revision: Int
        var edges: [ReplicaStatus]
        /// Left out by a node without viewers.
        var load: LoadReport?
    }

    private func json(_ value: some Encodable) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return Response(status: 500, text: "the answer cannot be written as JSON\n")
        }
        return Response(
            head: ResponseHead(status: 200, headers: ["Content-Type": "application/json"]),
            body: .bytes([UInt8](data)[...])
        )
    }

    // MARK: - Who may ask

    /// Why a request to an API port is refused; nil when it is welcome.
    static func refusal(of request: RequestHead) -> Response? {
        guard isLocal(request.host) else {
            return Response(status: 403, text: "this host name is not served on the API port\n")
        }
        for origin in request.headers.all("origin") where !isLocal(origin: origin) {
            return Response(status: 403, text: "requests from other web origins are refused\n")
        }
        return nil
    }

    /// Whether a host name can only mean this machine; keeps other sites from rebinding a name to it.
    static func isLocal(_ host: String) -> Bool {
        if host == "localhost" || host.hasSuffix(".localhost") || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Whether a web origin (`scheme://host:port`) is of this machine.
    static func isLocal(origin: String) -> Bool {
        guard let range = origin.range(of: "://") else { return false }
        let head = RequestHead(
            method: "GET",
            path: "/",
            headers: ["host": String(origin[range.upperBound...])]
        )
        return isLocal(head.host)
    }
}
