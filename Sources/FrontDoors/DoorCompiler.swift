import DataPlane
import Edge
import JSON
import Model

/// Makes the doors of one edge as of one snapshot, and tells where origins are.
struct DoorCompiler: OriginResolver {
    let snapshot: Snapshot
    /// The hosts' names of buckets that only distributions may ask.
    let privateBuckets: Set<String>
    let table: FrontDoorTable
    let edge: EdgeNode
    let isOnlyEdge: Bool
    let ports: DoorPorts
    let state: DoorState
    let cache: CacheStore
    let settings: EdgeSettings
    let functions: FunctionHost
    let accessLogs: AccessLogs
    let realTimeLogs: RealTimeLogs
    /// The cache that the edges share; nil where they do not.
    let regional: CacheStore?
    /// The cache between all edges and the origins that have a shield.
    let shield: CacheStore
    /// Where buckets are that have no folder of their own.
    let buckets: String
    /// Where records of streams go for which nothing else is said.
    let streams: String
    let log: @Sendable (String) -> Void
    /// The doors and origins found so far, while the snapshot is served.
    ///
    /// Weak: the doors kept there hold this compiler.
    weak let found: FoundDoors?

    /// The handler of a door, made once; nil when the snapshot has none of this key.
    func door(_ key: DoorKey) -> (any ExchangeHandler)? {
        if let known = found?.door(key) { return known }
        guard let made = makeDoor(key) else { return nil }
        return found?.keep(made, as: key) ?? made
    }

    private func makeDoor(_ key: DoorKey) -> (any ExchangeHandler)? {
        switch key {
        case .distribution(let id):
            guard let distribution = snapshot.resolvedDistribution(id) else { return nil }
            return distributionDoor(distribution)
        case .loadBalancer(let arn):
            return snapshot.loadBalancers[arn].map {
                LoadBalancerDoor(
                    balancer: $0,
                    snapshot: snapshot,
                    ports: ports,
                    state: state,
                    invoker: edge.invoker,
                    log: log
                )
            }
        case .api(let id):
            if let api = snapshot.webSocketAPIs[id] { return webSocketDoor(api) }
            return snapshot.apis[id].map(apiDoor) ?? snapshot.restAPIs[id].map(restDoor)
        case .domain(let name):
            return snapshot.domains[name].map {
                DomainDoor(domain: $0, apis: apis)
            }
        case .functionURL(let id):
            return snapshot.functionURLs[id].map {
                FunctionURLDoor(
                    url: $0.url,
                    function: $0.function,
                    snapshot: snapshot,
                    invoker: edge.invoker,
                    keys: { [state] in state.signingKeys }
                )
            }
        }
    }

    /// The door of a distribution; with a policy of continuous deployment it shares its requests.
    private func distributionDoor(_ distribution: Distribution) -> any ExchangeHandler {
        guard let id = distribution.continuousDeploymentPolicyID,
            let record = snapshot.records["cloudfront/continuous-deployment-policy/\(id)"],
            let policy = StagingPolicy(record: record),
            let twin = policy.distributions.lazy.compactMap({ name in
                snapshot.distributions.keys.first { $0.lowercased() == name }
                    .flatMap(snapshot.resolvedDistribution)
            }).first, twin.isStaging == true
        else { return pipeline(of: distribution) }
        let primary = PrimaryDistribution(distribution)
        return StagedDoor(
            primary: pipeline(of: distribution, primary: primary),
            staging: pipeline(of: twin, primary: primary),
            policy: policy,
            cookie: settings.stagingCookie
        )
    }

    private func pipeline(
        of distribution: Distribution,
        primary: PrimaryDistribution? = nil
    ) -> EdgePipeline {
        EdgePipeline(
            distribution: distribution,
            edge: EdgeIdentity(name: edge.name, httpsPort: ports.https),
            cache: cache,
            invoker: ResolvingInvoker(snapshot: snapshot, base: edge.invoker),
            origins: self,
            signers: snapshot.signers,
            locations: LocationTable(snapshot.locations),
            settings: settings,
            functions: ViewerFunctions(snapshot, host: functions),
            accessLog: accessLog(of: distribution),
            realTimeLog: realTimeLog,
            regional: regional,
            shield: shield,
            primary: primary,
            log: log
        )
    }

    /// The real-time log of a behaviour, when its configuration is there.
    private func realTimeLog(of behavior: CacheBehavior) -> RealTimeLog? {
        guard let arn = behavior.realTimeLog,
            let record = snapshot.records[RealTimeLogRecord.key(RealTimeLogRecord.name(of: arn))],
            let config = try? JSONValue.parse(record)
        else { return nil }
        let ends = config["EndPoints"]?.array ?? []
        return RealTimeLog(
            logs: realTimeLogs,
            fields: config["Fields"]?.array?.compactMap(\.string) ?? [],
            rate: config["SamplingRate"]?.int ?? 100,
            destinations: ends.compactMap { end in
                let arn = end["KinesisStreamConfig"]?["StreamARN"]?.string
                return arn.map { destination(RealTimeLogRecord.name(of: $0)) }
            }
        )
    }

    private func destination(_ stream: String) -> RealTimeLog.Destination {
        let record = snapshot.records[RealTimeLogRecord.streamKey(stream)]
        let place = record.flatMap { try? JSONValue.parse($0) }?["To"]?.string
        return RealTimeLog.Destination(
            stream: stream,
            target: StreamTarget(place ?? stream + ".log", in: streams)
        )
    }

    private func accessLog(of distribution: Distribution) -> AccessLog? {
        guard let name = distribution.logging?.bucketName else { return nil }
        let folder = snapshot.buckets[name] ?? buckets + "/" + name
        return accessLogs.log(of: distribution, in: folder)
    }

    /// All APIs that a custom domain can lead to.
    private var apis: [String: DomainDoor.Behind] {
        let http = snapshot.apis.mapValues { DomainDoor.Behind.http(apiDoor($0)) }
        let rest = snapshot.restAPIs.mapValues { DomainDoor.Behind.rest(restDoor($0)) }
        let sockets = snapshot.webSocketAPIs.mapValues {
            DomainDoor.Behind.webSocket(webSocketDoor($0))
        }
        return http.merging(rest) { first, _ in first }.merging(sockets) { first, _ in first }
    }

    private func webSocketDoor(_ api: WebSocketAPI) -> WebSocketDoor {
        WebSocketDoor(
            api: api,
            box: edge.box,
            state: state,
            invoker: edge.invoker,
            log: log
        )
    }

    private func restDoor(_ api: RESTAPI) -> RESTDoor {
        RESTDoor(
            api: api,
            snapshot: snapshot,
            state: state,
            invoker: edge.invoker,
            log: log
        )
    }

    private func apiDoor(_ api: HTTPAPI) -> APIGatewayDoor {
        APIGatewayDoor(
            api: api,
            snapshot: snapshot,
            state: state,
            invoker: edge.invoker,
            log: log
        )
    }

    /// An override, a bucket's folder, a door of this snapshot, or the origin's own address.
    func target(for request: OriginRequest) -> OriginTarget {
        let isTLS = request.isTLS
        if let known = request.plan.target(isTLS: isTLS) { return known }
        let place = FoundDoors.Place(
            domain: request.origin.domainName,
            port: request.port,
            isTLS: isTLS
        )
        let target: OriginTarget
        if let known = found?.target(place) {
            target = known
        } else {
            let made = findTarget(of: request)
            target = found?.keep(made, as: place) ?? made
        }
        request.plan.keep(target, isTLS: isTLS)
        return target
    }

    private func findTarget(of request: OriginRequest) -> OriginTarget {
        let domain = request.origin.domainName
        let name = domain.lowercased()
        if let text = snapshot.originOverrides[domain] ?? snapshot.originOverrides[name],
            let url = UpstreamURL(text)
        {
            return .upstream(url.target)
        }
        if let bucket = Self.bucket(in: name), let folder = snapshot.buckets[bucket] {
            let isPrivate = privateBuckets.contains(name)
            let policy = snapshot.records[BucketPolicyRecord.key(bucket)]
            return .folder(
                folder,
                isPrivate: isPrivate,
                mayList: BucketPolicy.mayList(policy, isPrivate: isPrivate)
            )
        }
        if let key = ownDoor(name), let door = door(key) { return .door(door) }
        return .upstream(
            UpstreamTarget(host: domain, port: request.port, isTLS: request.isTLS)
        )
    }

    private func ownDoor(_ name: String) -> DoorKey? {
        if ["localhost", "127.0.0.1", "::1", "[::1]"].contains(name) { return nil }
        if case .door(let key) = table.destination(of: name) { return key }
        return nil
    }

    /// The bucket of `name.s3.amazonaws.com`, `name.s3.<region>.amazonaws.com` and their website forms.
    static func bucket(in name: String) -> String? {
        guard name.hasSuffix(".amazonaws.com") else { return nil }
        for mark in [".s3.", ".s3-"] {
            if let place = name.firstRange(of: mark), place.lowerBound != name.startIndex {
                return String(name[..<place.lowerBound])
            }
        }
        return nil
    }
}

/// Turns references with an alias into `name:version` before they reach the executor.
struct ResolvingInvoker: FunctionInvoker {
    let snapshot: Snapshot
    let base: any FunctionInvoker

    func invoke(_ invocation: Invocation) async -> InvocationResult {
        guard let function = snapshot.resolve(function: invocation.function) else {
            return .notFound(invocation.function)
        }
        var resolved = invocation
        resolved.function = function
        return await base.invoke(resolved)
    }
}
