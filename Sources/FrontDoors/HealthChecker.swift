package import DataPlane
import HTTP
package import Model
import Reactor
import Synchronization

/// Asks targets how they are, each group at its own pace.
package final class HealthChecker: Sendable {
    private let board: HealthBoard
    private let snapshot: @Sendable () -> Snapshot
    /// When each group is asked next.
    ///
    /// Unit: seconds.
    private let due = Mutex<[String: Int]>([:])
    private let isStopped = Atomic<Bool>(false)

    /// Makes a checker of the groups of whatever snapshot is current.
    package init(board: HealthBoard, snapshot: @escaping @Sendable () -> Snapshot) {
        self.board = board
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

    /// The groups to ask at this second; only those that a rule uses and that have addresses.
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

    private static func checked(_ snapshot: Snapshot) -> [TargetGroup] {
        var used = Set<String>()
        for listener in snapshot.loadBalancers.values.flatMap(\.listeners) {
            for action in listener.rules.flatMap(\.actions) + listener.defaultActions {
                if case .forward(let groups) = action { used.formUnion(groups.map(\.arn)) }
            }
        }
        return used.sorted().compactMap { snapshot.targetGroups[$0] }.filter { group in
            group.healthCheck.isEnabled
                && group.targets.contains {
                    if case .address = $0 { true } else { false }
                }
        }
    }

    private func check(
        _ group: TargetGroup,
        _ target: TargetGroup.Target,
        _ context: ReactorLocal<ReactorContext>
    ) {
        guard case .address(let host, let port) = target else { return }
        Task(executorPreference: context.value.reactor) { [board] in
            let isHealthy = await Self.ask(
                group,
                host: host,
                port: group.healthCheck.port ?? port,
                context.value
            )
            board.record(isHealthy, of: target, in: group)
        }
    }

    private static func ask(
        _ group: TargetGroup,
        host: String,
        port: Int,
        _ context: ReactorContext
    ) async -> Bool {
        let check = group.healthCheck
        let mark = check.path.firstIndex(of: "?")
        var head = RequestHead(
            method: "GET",
            path: String(check.path[..<(mark ?? check.path.endIndex)]),
            headers: ["Host": "\(host):\(port)", "User-Agent": "ELB-HealthChecker/2.0"]
        )
        head.query = mark.map { String(check.path[check.path.index(after: $0)...]) }
        var limits = UpstreamLimits()
        limits.connect = .seconds(check.timeout)
        limits.response = .seconds(check.timeout)
        limits.keepAlive = .zero
        limits.attempts = 1
        do throws(Fault) {
            let response = try await context.upstream.send(
                head,
                body: .empty,
                to: UpstreamTarget(host: host, port: port, isTLS: group.isTLS, verifies: false),
                limits: limits
            )
            return accepts(check.matcher, response.head.status)
        } catch {
            return false
        }
    }

    /// Whether `200`, `200,202` or `200-299` names a status.
    package static func accepts(_ matcher: String, _ status: Int) -> Bool {
        matcher.split(separator: ",").contains { piece in
            let ends = piece.split(separator: "-").map { Int($0.trimmingASCIIWhitespace()) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil else { return false }
            return first <= status && status <= last
        }
    }
}
