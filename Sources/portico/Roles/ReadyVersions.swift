import Model
import Synchronization

/// Which versions an edge starts before anybody calls them: those that its distributions run, and a newer
/// version of such a function as soon as it is published, for it will hardly stay unused.
///
/// Source: "Understanding the Lambda execution environment lifecycle", proactive initialization.
final class ReadyVersions: Sendable {
    private struct State {
        /// The newest version of each function that distributions run.
        var newest: [String: Int] = [:]
        /// What was started, by `name:version`.
        var started: Set<String> = []
    }
    private let state = Mutex(State())

    /// The versions to be started now that an edge has this state; each is named once.
    func take(_ snapshot: Snapshot) -> [FunctionVersion] {
        let associations = snapshot.distributions.values.flatMap { distribution in
            distribution.behaviors.flatMap(\.functions)
        }
        var wanted = Set(associations.map(\.qualifiedName))
        return state.withLock { state in
            var newest: [String: Int] = [:]
            for name in Set(associations.map(\.function)) {
                guard let latest = snapshot.latestVersion(of: name) else { continue }
                newest[name] = latest
                if let before = state.newest[name], latest > before {
                    wanted.insert("\(name):\(latest)")
                }
            }
            state.newest = newest
            state.started = state.started.filter { snapshot.functions[$0] != nil }
            let fresh = wanted.subtracting(state.started).sorted()
            state.started.formUnion(wanted)
            return fresh.compactMap { snapshot.functions[$0] }
        }
    }
}
