import Glibc

/// A tree of control groups and the folder in it below which this process makes its own.
///
/// Source: cgroups(7).
struct GroupTree: Sendable, Equatable {
    /// What a tree can divide among groups.
    enum Controller: String, Sendable, CaseIterable { case memory, cpu }

    /// The two kinds of trees: one for each controller, or one for all.
    enum Generation: Sendable { case first, second }

    let generation: Generation
    /// Absolute.
    var folder: String
    var controllers: Set<Controller>

    /// The length of the stretches in which a group has its part of the processors.
    ///
    /// Unit: µs. Short, so that little of an invocation is waiting; the least part, that of 128 MB, is above
    /// the least that the system takes, 1000 µs.
    static let period = 20_000
    /// The memory that goes with one whole processor.
    ///
    /// Unit: MB. Source: "Configure Lambda function memory".
    static let memoryPerProcessor = 1769

    /// How much processor time goes with an amount of memory.
    ///
    /// Unit: µs in each `period`.
    static func share(ofMemory megabytes: Int) -> Int {
        max(1000, megabytes * period / memoryPerProcessor)
    }

    /// What bounds a group's memory in bytes: a file and its text; nil when the tree does not divide memory.
    func memoryLimit(_ bytes: Int) -> (file: String, text: String)? {
        guard controllers.contains(.memory) else { return nil }
        let file = generation == .first ? "memory.limit_in_bytes" : "memory.max"
        return (file, String(bytes))
    }

    /// What bounds a group's processor time in µs of each period; nil when the tree does not divide it.
    func processorLimit(_ share: Int) -> [(file: String, text: String)]? {
        guard controllers.contains(.cpu) else { return nil }
        switch generation {
        case .first:
            return [
                ("cpu.cfs_period_us", String(Self.period)), ("cpu.cfs_quota_us", String(share)),
            ]
        case .second: return [("cpu.max", "\(share) \(Self.period)")]
        }
    }

    /// The file into which a process of one thread writes 0 to join a group.
    ///
    /// In the first generation that holds nobody up, which writing into `cgroup.procs` does.
    var ownTask: String { generation == .first ? "tasks" : "cgroup.procs" }

    /// The file that counts the processes that the system has killed for want of memory.
    var killCountFile: String { generation == .first ? "memory.oom_control" : "memory.events" }

    /// Where trees with a controller are, with this process's own group in them, best place first.
    ///
    /// `mounts` and `groups` are the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
    static func places(_ controller: Controller, mounts: String, groups: String) -> [GroupTree] {
        let own = groups.split(separator: "\n").compactMap(OwnGroup.init)
        var found: [GroupTree] = []
        for mount in mounts.split(separator: "\n").compactMap(GroupMount.init) {
            switch mount.generation {
            case .first:
                guard mount.options.contains(controller.rawValue),
                    let group = own.first(where: { $0.controllers.contains(controller.rawValue) })
                else { continue }
                found.append(mount.tree(controller, group.path))
            case .second:
                guard let group = own.first(where: { $0.controllers.isEmpty }) else { continue }
                found.append(mount.tree(controller, group.path))
                // The root of a tree is the one group that may have both processes and groups.
                if group.path != mount.root { found.append(mount.tree(controller, mount.root)) }
            }
        }
        return found
    }
}

/// A line of `/proc/self/cgroup`.
private struct OwnGroup {
    /// Empty in the tree of the second generation.
    let controllers: [String]
    let path: String

    init?(_ line: Substring) {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        controllers = parts[1].split(separator: ",").map(String.init)
        path = String(parts[2])
    }
}

/// A line of `/proc/self/mountinfo` that mounts a tree of control groups.
private struct GroupMount {
    let generation: GroupTree.Generation
    /// What of the tree is to be seen.
    let root: String
    let point: String
    let options: [String]

    init?(_ line: Substring) {
        let fields = line.split(separator: " ").map(String.init)
        guard let end = fields.firstIndex(of: "-"), end > 5, fields.count > end + 3 else {
            return nil
        }
        switch fields[end + 1] {
        case "cgroup": generation = .first
        case "cgroup2": generation = .second
        default: return nil
        }
        root = fields[3]
        point = fields[4].split(separator: "\\040", omittingEmptySubsequences: false)
            .joined(separator: " ")
        options = fields[end + 3].split(separator: ",").map(String.init)
    }

    func tree(_ controller: GroupTree.Controller, _ path: String) -> GroupTree {
        var inside = path
        if root != "/", inside.hasPrefix(root) { inside.removeFirst(root.count) }
        let folder = inside.isEmpty || inside == "/" ? point : point + inside
        return GroupTree(generation: generation, folder: folder, controllers: [controller])
    }
}
