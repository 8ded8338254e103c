package import DataPlane
import HTTP
package import Model
import Reactor
import Synchronization

/// Asks targets how they are, each group at its own pace.
package final class HealthChecker: Sendable {
    private let board: HealthBoard
    private let snapshot: @Sendable () -> Snapshot
    private let invoker: (any FunctionInvoker)?
    /// When each group is asked next.
    ///
    /// Unit: seconds.
    private let due = Mutex<[String: Int]>([:])
    private let isStopped = Atomic<Bool>(false)

    /// Makes a checker of the groups of whatever snapshot is current.
    package init(
        board: HealthBoard,
        invoker: (any FunctionInvoker)? = nil,
        snapshot: @escaping @Sendable () -> Snapshot
    ) {
        self.board = board
        self.invoker = invoker
        self.snapshot = snapshot
    }

    /// Checks once a second what is due, on the context's reactor, until `stop`.
    package func start(on context: ReactorContext) {
        let reactor = context.reactor
        let carried = ReactorLocal(context)
        reactor.submit { [self] in
            var second = 0
            while !isStopped.load(ordering: .relaxed) {
                for group in dueGroups(at: second) {
                    for target in group.targets { check(group, target, carried) }
                }
                second += 1
                await carried.value.reactor.sleep(for: .seconds(1))
            }
        }
    }

    /// Ends the checks.
    package func stop() { isStopped.store(true, ordering: .relaxed) }

    /// The groups to ask at this second; only those that a rule uses and whose checks are on.
    package func dueGroups(at second: Int) -> [TargetGroup] {
        let groups = Self.checked(snapshot())
        board.keep(only: groups)
        return due.withLock { due in
            let wanted = Set(groups.map(\.arn))
            due = due.filter { wanted.contains($0.key) }
            return groups.filter { group in
                guard due[group.arn, default: 0] <= second else { return false }
                due[group.arn] = second + max(1, group.healthCheck.interval)
                return true
            }
        }
    }

    /// The ARNs of the groups that some rule uses.
    package static func used(in snapshot: Snapshot) -> Set<String> {
        var used = Set<String>()
        for listener in snapshot.loadBalancers.values.flatMap(\.listeners) {
            for action in listener.rules.flatMap(\.actions) + listener.defaultActions {
                used.formUnion(action.targetGroups.map(\.arn))
            }
        }
        return used
    }

    private static func checked(_ snapshot: Snapshot) -> [TargetGroup] {
        used(in: snapshot).sorted().compactMap { snapshot.targetGroups[$0] }.filter { group in
            group.healthCheck.isEnabled && !group.targets.isEmpty
        }
    }

    private func check(
        _ group: TargetGroup,
        _ target: TargetGroup.Target,
        _ context: ReactorLocal<ReactorContext>
    ) {
        let function: String?
        switch target {
        case .address: function = nil
        case .function(let reference): function = snapshot().resolve(function: reference)
        }
        Task(executorPreference: context.value.reactor) { [board, invoker] in
            let outcome: CheckOutcome
            switch target {
            case .address(let host, let port):
                outcome = await Self.ask(
                    group,
                    host: host,
                    port: group.healthCheck.port ?? port,
                    context.value
                )
            case .function: outcome = await Self.ask(group, function: function, invoker)
            }
            board.record(outcome, of: target, in: group)
        }
    }

    /// A request for the check's path; redirects are not followed.
    static func ask(
        _ group: TargetGroup,
        host: String,
        port: Int,
        _ context: ReactorContext
    ) async -> CheckOutcome {
        let check = group.healthCheck
        let mark = check.path.firstIndex(of: "?")
        let isTLS = check.isTLS ?? group.isTLS
        let name = host.contains(":") ? "[\(host)]" : host
        var head = RequestHead(
            method: "GET",
            path: String(check.path[..<(mark ?? check.path.endIndex)]),
            headers: [
                "Host": port == (isTLS ? 443 : 80) ? name : "\(name):\(port)",
                "Connection": "close", "User-Agent": "ELB-HealthChecker/2.0",
                "Accept-Encoding": "gzip, compressed",
            ]
        )
        head.query = mark.map { String(check.path[check.path.index(after: $0)...]) }
        var limits = UpstreamLimits()
        limits.connect = .seconds(check.timeout)
        limits.response = .seconds(check.timeout)
        limits.keepAlive = .zero
        limits.attempts = 1
        var target = UpstreamTarget(host: host, port: port, isTLS: isTLS, verifies: false)
        var body = Body.empty
        if group.version != .http1 {
            target.version = .http2
            head.headers.remove("Connection")
        }
        if check.isGRPC {
            head.method = "POST"
            head.headers.append("Content-Type", "application/grpc")
            // An empty message: not compressed, no bytes.
            body = .bytes([0, 0, 0, 0, 0])
        }
        do throws(Fault) {
            let response = try await context.upstream.send(
                head,
                body: body,
                to: target,
                limits: limits
            )
            let status =
                check.isGRPC ? try await grpcStatus(of: response) : response.head.status
            return check.accepts(status) ? .success : .mismatch(status)
        } catch {
            switch error.kind {
            case .connectTimeout, .responseTimeout, .idleTimeout: return .timedOut
            default: return .failed
            }
        }
    }

    /// The code that a gRPC call ends with, in its trailers or in a head that is all; 2 (unknown) without.
    private static func grpcStatus(of response: Response) async throws(Fault) -> Int {
        var fields = response.head.headers
        if case .stream(let source, _) = response.body {
            while try await source.read() != nil {}
            if !source.trailers.isEmpty { fields = source.trailers }
        }
        return fields["grpc-status"].flatMap { Int($0) } ?? 2
    }

    /// A call of the function with the event of a check.
    static func ask(
        _ group: TargetGroup,
        function: String?,
        _ invoker: (any FunctionInvoker)?
    ) async -> CheckOutcome {
        guard let function, let invoker else { return .failed }
        let head = RequestHead(
            method: "GET",
            path: group.healthCheck.path,
            headers: ["user-agent": "ELB-HealthChecker/2.0"]
        )
        let event = BalancerEvents.encode(head, body: [], targetGroup: group)
        let result = await invoker.invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                limit: .seconds(group.healthCheck.timeout),
                maximumResponse: LoadBalancerDoor.functionLimit
            )
        )
        switch result {
        case .success(let payload):
            let answer = BalancerEvents.decode(payload, multiValue: group.multiValueHeaders)
            guard let status = answer?.head.status else { return .failed }
            return group.healthCheck.accepts(status) ? .success : .mismatch(status)
        case .functionError(.timeout, _): return .timedOut
        case .functionError, .throttled, .notFound: return .failed
        }
    }
}
