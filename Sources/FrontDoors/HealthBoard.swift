package import Model
import Synchronization

/// How one check of a target went.
package enum CheckOutcome: Sendable, Equatable {
    case success
    /// Answered, with a status that the matcher does not name.
    case mismatch(Int)
    case timedOut
    case failed
}

/// What checks have found out about one target.
package struct TargetHealth: Sendable, Equatable {
    /// Where a target stands.
    package enum State: String, Sendable { case initial, healthy, unhealthy, unavailable, unused }

    package private(set) var state = State.initial
    private var streak = 0
    private var last = CheckOutcome.success

    /// Makes the state of a newly registered target.
    package init() {}

    /// The state of a target whose group is not checked, or that no rule uses.
    package init(unchecked state: State) { self.state = state }

    /// Counts a check's outcome; the first success of a new target suffices.
    ///
    /// True when the target has just become healthy.
    @discardableResult
    package mutating func record(_ outcome: CheckOutcome, check: HealthCheck) -> Bool {
        last = outcome
        switch (state, outcome == .success) {
        case (.initial, true), (.unavailable, true), (.unused, true):
            change(to: .healthy)
            return true
        case (.healthy, true), (.unhealthy, false): streak = 0
        case (_, false):
            streak += 1
            if streak >= check.unhealthyThreshold { change(to: .unhealthy) }
        case (.unhealthy, true):
            streak += 1
            guard streak >= check.healthyThreshold else { return false }
            change(to: .healthy)
            return true
        }
        return false
    }

    private mutating func change(to next: State) {
        state = next
        streak = 0
    }

    /// The reason code and its text, as AWS page "Health checks for your target groups" has them.
    package var reason: (code: String, text: String)? {
        switch state {
        case .healthy: return nil
        case .initial: return ("Elb.InitialHealthChecking", "Initial health checks in progress")
        case .unavailable: return ("Target.HealthCheckDisabled", "Health checks are disabled")
        case .unused:
            return (
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer"
            )
        case .unhealthy:
            switch last {
            case .mismatch(let status):
                return (
                    "Target.ResponseCodeMismatch",
                    "Health checks failed with these codes: [\(status)]"
                )
            case .timedOut: return ("Target.Timeout", "Request timed out")
            case .success, .failed:
                return ("Target.FailedHealthChecks", "Health checks failed")
            }
        }
    }
}

/// The health of all targets, their open requests and the turn of each group, shared by all reactors.
package final class HealthBoard: Sendable {
    /// How many rotations are kept; names of groups that are gone are forgotten with the others.
    static let turnLimit = 10_000

    private struct Key: Hashable {
        var group: String
        var target: TargetGroup.Target
    }

    private struct Contents {
        var health: [Key: TargetHealth] = [:]
        var turns: [String: Int] = [:]
        /// Requests that a target has not yet answered to their end.
        var open: [Key: Int] = [:]
        /// Since when a target gets a growing share.
        var ramps: [Key: ContinuousClock.Instant] = [:]
        /// What the smooth rotation owes each target.
        var credit: [Key: Double] = [:]

        mutating func takeTurn(_ name: String) -> Int {
            if turns.count > HealthBoard.turnLimit { turns = [:] }
            let turn = turns[name, default: 0]
            turns[name] = turn == .max ? 0 : turn + 1
            return turn
        }
    }

    private let contents = Mutex(Contents())

    /// Makes a board that knows nothing yet.
    package init() {}

    /// Where a target of a group stands.
    package func state(of target: TargetGroup.Target, in group: String) -> TargetHealth.State {
        contents.withLock { $0.health[Key(group: group, target: target)]?.state ?? .initial }
    }

    /// What is known of a target: its state with the reason.
    package func health(
        of target: TargetGroup.Target,
        in group: TargetGroup,
        isUsed: Bool
    ) -> TargetHealth {
        if !isUsed { return TargetHealth(unchecked: .unused) }
        if !group.healthCheck.isEnabled { return TargetHealth(unchecked: .unavailable) }
        return contents.withLock {
            $0.health[Key(group: group.arn, target: target)] ?? TargetHealth()
        }
    }

    /// Counts a check's outcome.
    package func record(
        _ outcome: CheckOutcome,
        of target: TargetGroup.Target,
        in group: TargetGroup,
        at now: ContinuousClock.Instant = .now
    ) {
        let ramp = GroupSettings(group).slowStart
        contents.withLock { contents in
            let key = Key(group: group.arn, target: target)
            let before = contents.health[key]?.state
            let turned = contents.health[key, default: TargetHealth()]
                .record(outcome, check: group.healthCheck)
            guard turned, ramp > 0, before != .healthy else { return }
            // A target starts slowly only beside one that has its full share already.
            let hasFullPeer = group.targets.contains { peer in
                let other = Key(group: group.arn, target: peer)
                return other != key && contents.health[other]?.state == .healthy
                    && (contents.ramps[other].map { now - $0 >= .seconds(ramp) } ?? true)
            }
            contents.ramps[key] = hasFullPeer ? now : nil
        }
    }

    /// Forgets targets that are no longer checked.
    package func keep(only groups: [TargetGroup]) {
        var wanted = Set<Key>()
        for group in groups {
            for target in group.targets { wanted.insert(Key(group: group.arn, target: target)) }
        }
        contents.withLock { contents in
            guard contents.health.count + contents.ramps.count + contents.credit.count > 0 else {
                return
            }
            contents.health = contents.health.filter { wanted.contains($0.key) }
            contents.ramps = contents.ramps.filter { wanted.contains($0.key) }
            contents.credit = contents.credit.filter { wanted.contains($0.key) }
        }
    }

    // MARK: Choosing

    /// The next target of a group in rotation: a healthy one, or any when none is healthy.
    package func next(in group: TargetGroup) -> TargetGroup.Target? {
        next(in: group, GroupSettings(group), at: .now)
    }

    /// The next target by the group's algorithm; all are taken when too few are healthy.
    func next(
        in group: TargetGroup,
        _ settings: GroupSettings,
        at now: ContinuousClock.Instant
    ) -> TargetGroup.Target? {
        guard !group.targets.isEmpty else { return nil }
        return contents.withLock { contents in
            let eligible = Self.eligible(group, settings, contents)
            switch settings.algorithm {
            case .random: return eligible.randomElement()
            case .leastOutstanding:
                let counts = eligible.map { contents.open[Key(group: group.arn, target: $0)] ?? 0 }
                let least = counts.min() ?? 0
                let idlest = zip(eligible, counts).filter { $0.1 == least }.map(\.0)
                return idlest[contents.takeTurn(group.arn) % idlest.count]
            case .roundRobin:
                if settings.slowStart > 0, !contents.ramps.isEmpty {
                    return Self.smooth(eligible, group.arn, settings.slowStart, now, &contents)
                }
                return eligible[contents.takeTurn(group.arn) % eligible.count]
            }
        }
    }

    /// Whether a viewer may stay with this target.
    func isEligible(
        _ target: TargetGroup.Target,
        in group: TargetGroup,
        _ settings: GroupSettings
    ) -> Bool {
        contents.withLock { Self.eligible(group, settings, $0).contains(target) }
    }

    private static func eligible(
        _ group: TargetGroup,
        _ settings: GroupSettings,
        _ contents: Contents
    ) -> [TargetGroup.Target] {
        guard group.healthCheck.isEnabled else { return group.targets }
        let healthy = group.targets.filter {
            contents.health[Key(group: group.arn, target: $0)]?.state == .healthy
        }
        return settings.suffices(healthy: healthy.count, of: group.targets.count)
            ? healthy : group.targets
    }

    /// Rotation in which a target that starts slowly gets a share that grows with its time.
    private static func smooth(
        _ targets: [TargetGroup.Target],
        _ group: String,
        _ seconds: Int,
        _ now: ContinuousClock.Instant,
        _ contents: inout Contents
    ) -> TargetGroup.Target? {
        var total = 0.0
        var best: Key?
        for target in targets {
            let key = Key(group: group, target: target)
            var weight = 1.0
            if let start = contents.ramps[key] {
                weight = max(0.01, min(1, (now - start) / .seconds(seconds)))
                if weight >= 1 { contents.ramps[key] = nil }
            }
            total += weight
            contents.credit[key, default: 0] += weight
            if best.map({ contents.credit[key, default: 0] > contents.credit[$0, default: 0] })
                ?? true
            {
                best = key
            }
        }
        if let best { contents.credit[best, default: 0] -= total }
        return best?.target
    }

    /// Counts a request that a target has begun to answer.
    func began(_ target: TargetGroup.Target, in group: String) {
        contents.withLock { $0.open[Key(group: group, target: target), default: 0] += 1 }
    }

    /// Counts a request as answered to its end.
    func ended(_ target: TargetGroup.Target, in group: String) {
        contents.withLock { contents in
            let key = Key(group: group, target: target)
            let left = (contents.open[key] ?? 1) - 1
            contents.open[key] = left > 0 ? left : nil
        }
    }

    /// The group whose turn it is by weight; nil when no group has any.
    package func choose(_ groups: [RuleAction.WeightedTargetGroup]) -> String? {
        if groups.count == 1, let only = groups.first { return only.weight > 0 ? only.arn : nil }
        let total = groups.reduce(0) { $0 + max(0, $1.weight) }
        guard total > 0 else { return nil }
        let name = "\n" + groups.map { "\($0.arn)=\($0.weight)" }.joined(separator: "\n")
        var left = contents.withLock { $0.takeTurn(name) } % total
        for group in groups where group.weight > 0 {
            if left < group.weight { return group.arn }
            left -= group.weight
        }
        return nil
    }
}
