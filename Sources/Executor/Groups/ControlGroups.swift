import Glibc
package import Reactor
import Synchronization

/// The control groups that this process makes, one for each execution environment.
///
/// The files are written away from the reactors. Source: cgroups(7).
package final class ControlGroups: Sendable {
    /// How long the groups of a process that has ended, or of this one at its end, are waited for.
    ///
    /// Unit: ms.
    static let patience = 2000
    /// Unit: ms between two attempts.
    private static let pause = 20
    private static let mark = "portico-"

    /// The trees, each with the folder of this process.
    let trees: [GroupTree]
    private let counter = Atomic(0)
    /// Groups that could not be removed yet.
    private let leftovers = Mutex<Set<String>>([])
    /// One thread: what concerns a group is done in order.
    private let pool = BlockingPool(threads: 1)

    init(trees: [GroupTree]) { self.trees = trees }

    /// Whether the system bounds the memory of groups.
    package var limitsMemory: Bool { trees.contains { $0.controllers.contains(.memory) } }
    /// Whether the system divides processor time among groups.
    package var dividesProcessors: Bool { trees.contains { $0.controllers.contains(.cpu) } }

    /// The groups that this process may make, found by making one; nil when there are none.
    ///
    /// What a process of before has left is removed. Blocks for a moment.
    package static func find(dividingProcessors: Bool) -> ControlGroups? {
        find(
            dividingProcessors ? [.memory, .cpu] : [.memory],
            mounts: System.text(of: "/proc/self/mountinfo"),
            groups: System.text(of: "/proc/self/cgroup")
        )
    }

    static func find(
        _ controllers: [GroupTree.Controller],
        mounts: String,
        groups: String
    ) -> ControlGroups? {
        guard let owner = GroupOwner.current else { return nil }
        var random = SystemRandomNumberGenerator()
        let name = "\(mark)\(owner.name)-\(UInt16.random(in: .min ... .max, using: &random))"
        var trees: [GroupTree] = []
        for controller in controllers {
            for place in GroupTree.places(controller, mounts: mounts, groups: groups) {
                sweep(place.folder)
                guard let tree = GroupFolder.prepare(place, name: name) else { continue }
                if let same = trees.firstIndex(where: { $0.folder == tree.folder }) {
                    trees[same].controllers.formUnion(tree.controllers)
                } else {
                    trees.append(tree)
                }
                break
            }
        }
        return trees.isEmpty ? nil : ControlGroups(trees: trees)
    }

    /// Removes the groups below a folder whose process is gone, and ends what is in them.
    private static func sweep(_ folder: String) {
        for name in System.names(in: folder) where name.hasPrefix(mark) {
            guard let owner = GroupOwner(name: name.dropFirst(mark.count)), owner.isGone else {
                continue
            }
            let left = "\(folder)/\(name)"
            for _ in 0..<patience {
                let inside = System.names(in: left).filter { System.isFolder("\(left)/\($0)") }
                for group in inside { GroupFolder.remove("\(left)/\(group)") }
                if GroupFolder.remove(left) { break }
                usleep(1000)
            }
        }
    }

    /// A group of its own for a process that is about to start or has just started; nothing is made yet.
    func makeGroup() -> ControlGroup {
        let number = counter.add(1, ordering: .relaxed).newValue
        return ControlGroup(folders: trees.map { "\($0.folder)/\(number)" }, groups: self)
    }

    /// Has something done with groups soon and in order; false when too much waits already.
    @discardableResult
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool { pool.submit(work) }

    /// Ends what is in the groups and removes them, as soon as the system lets go of them.
    func remove(_ folders: [String]) {
        leftovers.withLock { $0.formUnion(folders) }
        submit { self.removeSoon() }
    }

    /// Tries again as long as there is something that dies slowly or starts more of its kind.
    private func removeSoon(attempts: Int = patience / pause) {
        guard !removeLeftovers(), attempts > 1 else { return }
        Task {
            try? await Task.sleep(for: .milliseconds(Self.pause))
            submit { self.removeSoon(attempts: attempts - 1) }
        }
    }

    @discardableResult
    private func removeLeftovers() -> Bool {
        let removed = leftovers.withLock { $0 }.filter { GroupFolder.remove($0) }
        return leftovers.withLock { left in
            left.subtract(removed)
            return left.isEmpty
        }
    }

    /// Removes everything, once no environment is left.
    func close() async {
        _ = await pool.run {
            for _ in 0..<Self.patience where !self.removeLeftovers() { usleep(1000) }
            for tree in self.trees { GroupFolder.remove(tree.folder) }
        }
    }
}
