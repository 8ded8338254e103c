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

    /// Makes the group and puts a process in it, with all that it starts from then on.
    ///
    /// Blocks: moving a process may take the system some milliseconds. A process that has ended stays out.
    func admit(_ pid: Int32) {
        for folder in folders {
            mkdir(folder, 0o755)
            GroupFolder.put(String(pid), in: folder + "/cgroup.procs")
        }
    }

    /// What lets a process in as it starts.
    var admission: @Sendable (Int32) -> Void { { self.admit($0) } }

    /// Makes the group for a process that runs already, soon.
    func admitSoon(_ pid: Int32) { groups.submit { self.admit(pid) } }

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
