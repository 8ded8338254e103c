package import Model
import Synchronization

/// What checks have found out about one target.
package struct TargetHealth: Sendable, Equatable {
    /// Where a target stands.
    package enum State: String, Sendable { case initial, healthy, unhealthy }

    package private(set) var state = State.initial
    private var streak = 0

    /// Makes the state of a newly registered target.
    package init() {}

    /// Counts a check's outcome; the first success of a new target suffices.
    package mutating func record(_ isSuccess: Bool, check: HealthCheck) {
        switch (state, isSuccess) {
        case (.initial, true): change(to: .healthy)
        case (.healthy, true), (.unhealthy, false): streak = 0
        case (.healthy, false), (.initial, false):
            streak += 1
            if streak >= check.unhealthyThreshold { change(to: .unhealthy) }
        case (.unhealthy, true):
            streak += 1
            if streak >= check.healthyThreshold { change(to: .healthy) }
        }
    }

    private mutating func change(to next: State) {
        state = next
        streak = 0
    }
}

/// The health of all targets and the turn of each group, shared by all reactors.
package final class HealthBoard: Sendable {
    private struct Key: Hashable {
        var group: String
        var target: TargetGroup.Target
    }

    private struct Contents {
        var health: [Key: TargetHealth] = [:]
        var turns: [String: Int] = [:]

        mutating func takeTurn(_ name: String) -> Int {
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

    /// Counts a check's outcome.
    package func record(_ isSuccess: Bool, of target: TargetGroup.Target, in group: TargetGroup) {
        contents.withLock {
            $0.health[Key(group: group.arn, target: target), default: TargetHealth()]
                .record(isSuccess, check: group.healthCheck)
        }
    }

    /// Forgets targets that are no longer checked.
    package func keep(only groups: [TargetGroup]) {
        var wanted = Set<Key>()
        for group in groups {
            for target in group.targets { wanted.insert(Key(group: group.arn, target: target)) }
        }
        contents.withLock { contents in
            contents.health = contents.health.filter { wanted.contains($0.key) }
        }
    }

    /// The next target of a group in rotation: a healthy one, or any when none is healthy.
    package func next(in group: TargetGroup) -> TargetGroup.Target? {
        guard !group.targets.isEmpty else { return nil }
        return contents.withLock { contents in
            var eligible = group.targets
            if group.healthCheck.isEnabled {
                eligible = group.targets.filter {
                    contents.health[Key(group: group.arn, target: $0)]?.state == .healthy
                }
                if eligible.isEmpty { eligible = group.targets }
            }
            return eligible[contents.takeTurn(group.arn) % eligible.count]
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
