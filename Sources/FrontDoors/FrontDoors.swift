package import DataPlane
package import Edge
import HTTP
package import Model
import Synchronization
package import TLS
import Telemetry

/// An edge of this process: what it serves and what runs its functions.
package struct EdgeNode: Sendable {
    package var name: String
    package var box: SnapshotBox
    package var invoker: any FunctionInvoker
    /// The bound of this edge's cache.
    ///
    /// Unit: bytes.
    package var cacheBytes: Int
    /// Where large objects of its cache go; nil where all stays in memory.
    package var disk: DiskTier?

    /// Makes an edge.
    package init(
        name: String,
        box: SnapshotBox,
        invoker: any FunctionInvoker,
        cacheBytes: Int = 256 << 20,
        disk: DiskTier? = nil
    ) {
        self.disk = disk
        self.name = name
        self.box = box
        self.invoker = invoker
        self.cacheBytes = cacheBytes
    }
}

/// What the viewer-facing listeners serve: picks edge and door by host name.
package final class FrontDoors: ExchangeHandler {
    /// Names the edge in requests, and in answers when there are several.
    package static let edgeHeader = "x-portico-edge"

    private final class Compiled: Sendable {
        let generation: Int
        let compiler: DoorCompiler
        let rules: ConnectionRules
        let doors: [DoorKey: Door]
        /// The doors of names as they mostly come: lower case, without port or final dot.
        let byName: [String: Door]
        /// What decides about connections, by distribution.
        let gates: [String: ConnectionGate]

        private let found: FoundDoors

        init(generation: Int, compiler: DoorCompiler, found: FoundDoors) {
            self.generation = generation
            self.compiler = compiler
            self.found = found
            rules = ConnectionRules(compiler.snapshot)
            var doors: [DoorKey: Door] = [:]
            for entry in compiler.table.entries {
                guard let handler = compiler.door(entry.key) else { continue }
                doors[entry.key] = Door(
                    handler: handler,
                    name: FrontDoors.recordName(entry.key),
                    key: entry.key
                )
            }
            self.doors = doors
            byName = compiler.table.names.compactMapValues { doors[$0] }
            let (snapshot, host) = (compiler.snapshot, compiler.functions)
            gates = snapshot.distributions.compactMapValues {
                ConnectionGate($0, snapshot, host)
            }
        }

        /// Whether a connection was made for another name than one of this door, which asks for certificates.
        func isMisdirected(_ door: Door, _ viewer: Viewer) -> Bool {
            guard !rules.authenticated.isEmpty, viewer.isTLS,
                rules.authenticated.contains(door.key)
            else { return false }
            guard let name = viewer.serverName,
                case .door(let asked) = compiler.table.destination(of: name)
            else { return true }
            return asked != door.key
        }

        /// The door of a host name, if it leads to one.
        func door(of host: String) -> Door? {
            if let door = byName[host] { return door }
            guard case .door(let key) = compiler.table.destination(of: host) else { return nil }
            return doors[key]
        }
    }

    /// What answers, and its name in records.
    // An object: asking for one counts one reference.
    private final class Door: Sendable {
        let handler: any ExchangeHandler
        let name: String
        let key: DoorKey

        init(handler: any ExchangeHandler, name: String, key: DoorKey) {
            self.handler = handler
            self.name = name
            self.key = key
        }
    }

    private final class Node: Sendable {
        let edge: EdgeNode
        let cache: CacheStore
        let compiled = Mutex<Compiled?>(nil)
        let accessLogs: AccessLogs

        init(_ edge: EdgeNode, _ accessLogs: AccessLogs) {
            self.edge = edge
            self.accessLogs = accessLogs
            cache = CacheStore(byteLimit: edge.cacheBytes, disk: edge.disk)
            if let disk = edge.disk { Task { [cache] in await disk.load(into: cache) } }
        }
    }

    /// The way that a request took by its host: mostly the next one of its reactor takes it, too.
    private final class Way {
        let node: Node
        let compiled: Compiled
        let door: Door?
        private let host: String
        private let doors: FrontDoors

        init(
            from doors: FrontDoors,
            to host: String,
            _ node: Node,
            _ compiled: Compiled,
            _ door: Door?
        ) {
            self.doors = doors
            self.host = host
            self.node = node
            self.compiled = compiled
            self.door = door
        }

        /// Whether it still is the way of these doors to a host.
        func leads(from doors: FrontDoors, to host: String) -> Bool {
            self.doors === doors && self.host == host
                && compiled.generation == node.edge.box.generation
        }
    }

    private let nodes: [Node]
    private let names: [String]
    private let ports: DoorPorts
    let log: @Sendable (String) -> Void
    private let buckets: String
    let streams: String
    /// What sends records of requests on at once.
    package let realTimeLogs: RealTimeLogs
    private let settings: EdgeSettings
    private let regional: CacheStore?
    /// The cache between all edges and the origins that have a shield.
    private let shield: CacheStore
    /// What runs CloudFront Functions.
    package let functions: FunctionHost
    /// What outlives snapshots: health, cookies' keys, limits.
    package let state = DoorState()

    /// Makes the doors of all edges; the first edge serves whoever chooses none.
    ///
    /// `buckets` is where buckets are that have no folder of their own, `streams` where records of real-time
    /// logs go for which no other place is named.
    package init(
        edges: [EdgeNode],
        ports: DoorPorts,
        settings: EdgeSettings = EdgeSettings(),
        buckets: String = "buckets",
        streams: String = "streams",
        accessLogFormat: AccessLogFormat = .w3c,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        precondition(!edges.isEmpty, "front doors need an edge")
        nodes = edges.map { Node($0, AccessLogs(format: accessLogFormat, complain: log)) }
        self.buckets = buckets
        self.streams = streams
        realTimeLogs = RealTimeLogs(complain: log)
        names = edges.map { $0.name.lowercased() }
        self.ports = ports
        self.settings = settings
        let bytes = edges.map(\.cacheBytes).max() ?? 0
        regional = settings.hasRegionalCache ? CacheStore(byteLimit: bytes) : nil
        shield = CacheStore(byteLimit: bytes)
        functions = FunctionHost(
            isLenient: settings.isLenient,
            timeLimit: settings.functionTimeLimit
        )
        self.log = log
    }

    /// Whether any edge answers under this name: what a certificate may be made for.
    package func serves(_ name: String) -> Bool {
        nodes.contains { compiled($0).compiler.table.serves(name) }
    }

    /// What viewers may speak who ask for this name; nil where the listener's own options hold.
    package func connectionRules(for name: String) -> ServerNameRules? {
        guard let node = nodes.first else { return nil }
        let compiled = compiled(node)
        guard case .door(let key) = compiled.compiler.table.destination(of: name) else {
            return nil
        }
        return compiled.rules[key]
    }

    /// What decides about connections to the distribution that a name leads to.
    func gate(of name: String) -> ConnectionGate? {
        guard let node = nodes.first else { return nil }
        let compiled = compiled(node)
        guard !compiled.gates.isEmpty,
            case .door(.distribution(let id)) = compiled.compiler.table.destination(of: name)
        else { return nil }
        return compiled.gates[id]
    }

    /// Forgets what an edge has cached under keys that satisfy a test.
    package func invalidate(edge: String? = nil, where test: (String) -> Bool) {
        regional?.removeAll(where: test)
        shield.removeAll(where: test)
        for node in nodes where edge == nil || node.edge.name == edge {
            node.cache.removeAll(where: test)
        }
    }

    /// Forgets what an invalidation of a distribution names, at every edge; returns how many answers went.
    ///
    /// Paths start with `/`; a `*` at the end is a wildcard ("Invalidate files to remove content").
    @discardableResult
    package func invalidate(distribution: String, paths: [String]) -> Int {
        // First what the edges would otherwise take it from again.
        for path in paths {
            regional?.invalidate(distribution: distribution, path: path)
            shield.invalidate(distribution: distribution, path: path)
        }
        return nodes.reduce(0) { total, node in
            total
                + paths.reduce(0) {
                    $0 + node.cache.invalidate(distribution: distribution, path: $1)
                }
        }
    }

    /// How full the caches of the edges are, and those between them and the origins.
    package func cacheLoads() -> [CacheLoad] {
        var loads = nodes.map { node in
            var load = CacheLoad(
                name: node.edge.name,
                objects: node.cache.count,
                bytes: node.cache.cost
            )
            load.disk = node.edge.disk.map { disk in
                let counts = disk.counts
                return CacheLoad.Disk(
                    objects: counts.objects,
                    bytes: counts.bytes,
                    limit: disk.byteLimit,
                    written: counts.written,
                    evicted: counts.evicted,
                    corrupted: counts.corrupted,
                    failed: counts.failed
                )
            }
            return load
        }
        for (name, cache) in [("regional", regional), ("shield", shield)] {
            guard let cache, cache.count > 0 || name == "regional" else { continue }
            loads.append(CacheLoad(name: name, objects: cache.count, bytes: cache.cost))
        }
        return loads
    }

    /// Leaves what the caches have on disk for the next process, whatever is let go of from now on.
    package func keepDisks() { for node in nodes { node.edge.disk?.close() } }

    /// Writes the lines of access logs that wait, at every edge.
    package func flushAccessLogs() { for node in nodes { node.accessLogs.flush() } }

    /// What the checks have found out about a target of a group that some rule uses.
    package func health(of target: TargetGroup.Target, in group: TargetGroup) -> TargetHealth {
        state.board.health(of: target, in: group, isUsed: true)
    }

    /// A checker of all target groups that some rule uses.
    package func makeHealthChecker() -> HealthChecker {
        let boxes = nodes.map(\.edge.box)
        return HealthChecker(board: state.board, invoker: nodes.first?.edge.invoker) {
            boxes.first?.current ?? Snapshot()
        }
    }

    /// Answers a request at the edge and door that it names.
    package func respond(to exchange: inout Exchange) async -> Response {
        await handler(for: &exchange).respond(to: &exchange)
    }

    /// The door that a request names, at the edge that it names.
    package func handler(for exchange: inout Exchange) -> any ExchangeHandler {
        // Mostly the driver has read it already.
        if exchange.record.host.isEmpty { exchange.record.host = exchange.request.host }
        let host = exchange.record.host
        let asked = exchange.request.headers[.xPorticoEdge]
        if asked != nil { exchange.request.headers.remove(.xPorticoEdge) }
        guard let way = way(to: host, asked: asked, exchange.context) else {
            return DoorlessAnswer.noSuchEdge(asked ?? host, names)
        }
        exchange.record.edge = way.node.edge.name
        let compiled = way.compiled
        let handler: any ExchangeHandler
        switch way.door {
        case let door? where compiled.isMisdirected(door, exchange.viewer):
            exchange.record.door = door.name
            handler = DoorlessAnswer.misdirected
        case let door?:
            exchange.record.door = door.name
            handler = door.handler
        case nil where compiled.compiler.table.destination(of: host) == .index:
            exchange.record.door = "index"
            handler = DoorlessAnswer.index(compiled.compiler.table.entries)
        case nil:
            exchange.record.door = "none"
            handler = DoorlessAnswer.unknownHost
        }
        return nodes.count > 1 ? EdgeNaming(handler, edge: way.node.edge.name) : handler
    }

    /// Where a request goes; nil when there is no such edge.
    private func way(to host: String, asked: String?, _ context: ReactorContext) -> Way? {
        if asked == nil, let last = context.memory as? Way, last.leads(from: self, to: host) {
            return last
        }
        guard let node = node(asked: asked, host: host) else { return nil }
        let compiled = compiled(node)
        let way = Way(from: self, to: host, node, compiled, compiled.door(of: host))
        if asked == nil { context.remember(way) }
        return way
    }

    /// The edge that the header or the host name chooses; nil when there is no such edge.
    private func node(asked: String?, host: String) -> Node? {
        if asked == nil, !host.hasSuffix(".localhost") { return nodes[0] }
        let suffix = ".edge.localhost"
        let named = host.hasSuffix(suffix) ? String(host.dropLast(suffix.count)) : nil
        guard let name = asked?.lowercased() ?? named else { return nodes[0] }
        return names.firstIndex(of: name).map { nodes[$0] }
    }

    /// What is compiled of the running snapshot; made anew once after each swap.
    private func compiled(_ node: Node) -> Compiled {
        let generation = node.edge.box.generation
        return node.compiled.withLock { held in
            if let held, held.generation == generation { return held }
            let snapshot = node.edge.box.current
            let table = FrontDoorTable(snapshot, edges: names)
            let found = FoundDoors()
            let compiler = DoorCompiler(
                snapshot: snapshot,
                privateBuckets: snapshot.privateBuckets,
                table: table,
                edge: node.edge,
                isOnlyEdge: nodes.count == 1,
                ports: ports,
                state: state,
                cache: node.cache,
                settings: settings,
                functions: functions,
                accessLogs: node.accessLogs,
                realTimeLogs: realTimeLogs,
                regional: regional,
                shield: shield,
                buckets: buckets,
                streams: streams,
                log: log,
                found: found
            )
            let fresh = Compiled(generation: generation, compiler: compiler, found: found)
            held = fresh
            return fresh
        }
    }

    private static func recordName(_ key: DoorKey) -> String {
        switch key {
        case .distribution(let id): "cloudfront/\(id)"
        case .loadBalancer(let arn): "elb/\(arn)"
        case .api(let id): "execute-api/\(id)"
        case .domain(let name): "domain/\(name)"
        case .functionURL(let id): "lambda-url/\(id)"
        }
    }
}
