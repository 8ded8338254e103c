package import DataPlane
package import Executor
import Foundation
package import HTTP
import JSON
package import Model
package import Registry
package import Telemetry

/// What the API port serves: the node's own pages under `/_portico/` and the AWS APIs.
package final class AWSGateway: ExchangeHandler {
    private let pages: NodePages
    private let registry: PrimaryRegistry
    private let front: APIFront
    private let buckets: BucketService
    private let reset: Reset

    /// Makes the gateway; `logicalIDs` gives the function's name for a template's logical id.
    ///
    /// `httpsPort` is where viewers reach the doors; `health` tells how a load balancer's target is; `invalidate` makes every edge forget what the paths of a distribution name.
    /// A function stays replicated for `replicaRemovalDelay` after its last association has gone from every
    /// edge. `sources` tells how the polling of event sources goes, `snapshots` how the snapshot of a version
    /// (`name:version`) fares; `bus` takes events, `logs` keeps the lines of functions and `costs` counts what
    /// they use; `segments` tells how traces fare, `home` is where buckets and what is known of their objects
    /// lie, nil for none. With `keys` every call
    /// must be signed by one of them; `codeStorage` bounds the bytes of functions' and layers' code; `applied` tells when an edge has applied something. `operate` answers a POST under `/_portico/`, or nil when it knows none of that path.
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
        invalidate: @escaping @Sendable (_ distribution: String, _ paths: [String]) async -> Void,
        testFunction: @escaping FunctionTest.Runner,
        replicaRemovalDelay: Duration = .zero,
        load: @escaping @Sendable () -> LoadReport? = { nil },
        sources: @escaping @Sendable () -> [String: SourceStatus] = { [:] },
        snapshots: @escaping @Sendable (String) -> SnapshotStatus? = { _ in nil },
        bus: EventBus? = nil,
        logs: LogStore = LogStore(),
        costs: CostLedger = CostLedger(),
        home: String? = nil,
        segments: @escaping @Sendable () -> SegmentCounts? = { nil },
        keys: SigningKeys? = nil,
        codeStorage: Int = LambdaService.defaultCodeStorage,
        refusesEqualReference: Bool = false,
        applied: AppliedSignal = AppliedSignal(),
        operate: @escaping @Sendable (RequestHead) async -> Response? = { _ in nil }
    ) {
        pages = NodePages(
            snapshot: snapshot,
            edges: edges,
            requests: requests,
            load: load,
            sources: sources,
            segments: segments,
            logs: LogPage(
                store: logs,
                snapshot: snapshot,
                edges: { edges().map(\.name) },
                logicalIDs: logicalIDs
            ),
            costs: CostPage(ledger: costs, snapshot: snapshot),
            operate: operate
        )
        self.registry = registry
        let ledger = Ledger(
            registry: registry,
            edges: edges,
            replicaRemovalDelay: replicaRemovalDelay,
            applied: applied
        )
        let verifier = keys.map { RequestVerifier($0) }
        buckets = BucketService(ledger: ledger, home: home, verifier: verifier)
        reset = Reset(ledger: ledger, logs: logs, costs: costs, home: home)
        front = APIFront(
            table: ServiceTable(
                lambda: LambdaService(
                    ledger: ledger,
                    invoker: invoker,
                    tails: tails,
                    httpsPort: httpsPort,
                    codeStorage: codeStorage,
                    sources: sources,
                    snapshots: snapshots,
                    logicalIDs: logicalIDs
                ),
                cloudFront: CloudFrontService(
                    ledger: ledger,
                    invalidate: invalidate,
                    test: testFunction,
                    refusesEqualReference: refusesEqualReference
                ),
                keyValues: KeyValueService(ledger: ledger),
                balancing: LoadBalancingService(ledger: ledger, health: health),
                gateway: GatewayService(ledger: ledger, httpsPort: httpsPort),
                events: EventsService(ledger: ledger, bus: bus),
                logs: LogsService(store: logs)
            ),
            verifier: verifier
        )
    }

    /// Reads the models of all services, so that the first call need not; for a thread that serves nobody.
    package static func readModels() { ServiceModel.readAll() }

    /// Answers a page of the node or a call of the AWS APIs.
    package func respond(to exchange: inout Exchange) async -> Response {
        if let refusal = NodePages.refusal(of: exchange.request) { return refusal }
        let path = exchange.request.path
        if path.hasPrefix("/_portico/code/") { return await code(path, exchange.request) }
        if Reset.paths.contains(path) { return await reset.respond(to: exchange.request) }
        if path.hasPrefix("/_portico/") { return await pages.respond(to: &exchange) }
        if let answer = await buckets.respond(to: &exchange) { return answer }
        return await front.respond(to: &exchange)
    }

    /// An archive by its digest: where the APIs say that code can be downloaded.
    private func code(_ path: String, _ request: RequestHead) async -> Response {
        guard request.method == "GET" || request.method == "HEAD" else {
            return Response(status: 405, text: "only GET is allowed here\n")
        }
        let name = path.dropFirst("/_portico/code/".count)
        guard name.hasSuffix(".zip"),
            let archive = (try? await registry.wholeBlob(String(name.dropLast(4)))) ?? nil
        else { return Response(status: 404, text: "there is no archive \(name)\n") }
        return Response(
            head: ResponseHead(status: 200, headers: ["Content-Type": "application/zip"]),
            body: .bytes(archive[...])
        )
    }
}
