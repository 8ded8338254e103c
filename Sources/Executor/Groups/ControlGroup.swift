import Glibc
import Reactor
import Synchronization

/// The control group of one execution environment: in each tree a folder of the same name.
final class ControlGroup: Sendable {
    private let folders: [String]
    private let groups: ControlGroups

    init(folders: [String], groups: ControlGroups) {
        self.folders = folders
        self.groups = groups
    }

    /// What a process does as it starts, to be in the group with all that it starts from then on.
    var admission: [LaunchStep] {
        zip(groups.trees, folders).map { .join(group: $1, file: $0.ownTask) }
    }

    /// Makes the group for a process that runs already, soon, with all that it starts from then on.
    ///
    /// A process that has ended stays out.
    func admitSoon(_ pid: Int32) {
        groups.submit { [folders] in
            for folder in folders {
                mkdir(folder, 0o755)
                GroupFolder.put(String(pid), in: folder + "/cgroup.procs")
            }
        }
    }

    /// Bounds the group's memory in bytes, and its processor time in µs of each period, soon; nil leaves one unbounded.
    func limit(memory: Int?, share: Int?) {
        groups.submit { [self] in
            for (tree, folder) in zip(groups.trees, folders) {
                if let limit = memory.flatMap(tree.memoryLimit) {
                    GroupFolder.put(limit.text, in: "\(folder)/\(limit.file)")
                }
                for limit in share.flatMap(tree.processorLimit) ?? [] {
                    GroupFolder.put(limit.text, in: "\(folder)/\(limit.file)")
                }
            }
        }
    }

    /// The processes in it.
    var processes: [Int32] { folders.first.map(GroupFolder.processes) ?? [] }

    /// Whether the system has killed a process of it for want of memory.
    var hasRunOut: Bool {
        for (tree, folder) in zip(groups.trees, folders)
        where tree.controllers.contains(.memory) {
            return GroupFolder.figure("oom_kill", in: "\(folder)/\(tree.killCountFile)") > 0
        }
        return false
    }

    /// Ends what is left in it and removes it.
    func remove() { groups.remove(folders) }
}
