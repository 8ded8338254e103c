package import DataPlane
import Foundation
import HTTP
import JSON
package import Model
package import Registry
package import Telemetry

/// What the API port serves: the node's own pages under `/_portico/` and the AWS APIs.
package final class AWSGateway: ExchangeHandler {
    private let snapshot: @Sendable () -> Snapshot
    private let edges: @Sendable () -> [ReplicaStatus]
    private let requests: RequestLog
    private let registry: PrimaryRegistry
    private let front: APIFront

    /// Makes the gateway; `logicalIDs` gives the function's name for a template's logical id.
    ///
    /// `httpsPort` is where viewers reach the doors; `health` tells how a load balancer's target is; `invalidate` makes every edge forget what the paths of a distribution name.
    package init(
        registry: PrimaryRegistry,
        snapshot: @escaping @Sendable () -> Snapshot,
        invoker: any FunctionInvoker,
        edges: @escaping @Sendable () -> [ReplicaStatus],
        requests: RequestLog,
        httpsPort: Int,
        logicalIDs: @escaping @Sendable (String) -> String?,
        tails: LogTails,
        health: @escaping @Sendable (TargetGroup, TargetGroup.Target) -> TargetCondition,
        invalidate: @escaping @Sendable (_ distribution: String, _ paths: [String]) async -> Void
    ) {
        self.snapshot = snapshot
        self.edges = edges
        self.requests = requests
        self.registry = registry
        let ledger = Ledger(registry: registry, edges: edges)
        front = APIFront(
            table: ServiceTable(
                lambda: LambdaService(
                    ledger: ledger,
                    invoker: invoker,
                    tails: tails,
                    httpsPort: httpsPort,
                    logicalIDs: logicalIDs
                ),
                cloudFront: CloudFrontService(ledger: ledger, invalidate: invalidate),
                keyValues: KeyValueService(ledger: ledger),
                balancing: LoadBalancingService(ledger: ledger, health: health),
                gateway: GatewayService(ledger: ledger, httpsPort: httpsPort)
            )
        )
    }

    /// Answers a page of the node or a call of the AWS APIs.
    package func respond(to exchange: inout Exchange) async -> Response {
        guard Self.isLocal(exchange.request.host) else {
            return Response(status: 403, text: "this host name is not served on the API port\n")
        }
        for origin in exchange.request.headers.all("origin") where !Self.isLocal(origin: origin) {
            return Response(status: 403, text: "requests from other web origins are refused\n")
        }
        let path = exchange.request.path
        if path.hasPrefix("/_portico/") { return await page(path, exchange.request) }
        return await front.respond(to: &exchange)
    }

    private func page(_ path: String, _ request: RequestHead) async -> Response {
        guard request.method == "GET" || request.method == "HEAD" else {
            return Response(status: 405, text: "only GET is allowed here\n")
        }
        switch path {
        case "/_portico/health":
            return json(
                Health(status: "ready", revision: snapshot().revision, edges: edges())
            )
        case "/_portico/edges":
            return json(edges())
        case "/_portico/requests":
            let given = Query(request.query)["limit"]
            guard let limit = given.map({ Int($0) }) ?? 100, limit >= 0 else {
                return Response(status: 400, text: "limit is a number of requests\n")
            }
            return json(requests.latest(limit))
        case let path where path.hasPrefix("/_portico/code/"):
            return await code(path)
        default:
            return Response(status: 404, text: "there is no page \(path)\n")
        }
    }

    /// An archive by its digest: where the APIs say that code can be downloaded.
    private func code(_ path: String) async -> Response {
        let name = path.dropFirst("/_portico/code/".count)
        guard name.hasSuffix(".zip"),
            let archive = (try? await registry.wholeBlob(String(name.dropLast(4)))) ?? nil
        else { return Response(status: 404, text: "there is no archive \(name)\n") }
        return Response(
            head: ResponseHead(status: 200, headers: ["Content-Type": "application/zip"]),
            body: .bytes(archive[...])
        )
    }

    private struct Health: Encodable {
        var status: String
        var revision: Int
        var edges: [ReplicaStatus]
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
