import Glibc

/// The files of control groups.
enum GroupFolder {
    /// Writes one text into a group's file; false when the system refuses it.
    @discardableResult
    static func put(_ text: String, in file: String) -> Bool {
        let descriptor = Glibc.open(file, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == bytes.count
    }

    /// The processes in a group.
    static func processes(in folder: String) -> [Int32] {
        System.text(of: folder + "/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
    }

    /// A named figure in a file of lines such as `oom_kill 1`; 0 when it is not there.
    static func figure(_ name: String, in file: String) -> Int {
        for line in System.text(of: file).split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, parts[0] == name { return Int(parts[1]) ?? 0 }
        }
        return 0
    }

    /// Ends what is in a group and removes it; false while the system holds it.
    @discardableResult
    static func remove(_ folder: String) -> Bool {
        if rmdir(folder) == 0 || errno == ENOENT { return true }
        if !put("1", in: folder + "/cgroup.kill") {
            for pid in processes(in: folder) where pid > 1 && pid != getpid() { kill(pid, SIGKILL) }
        }
        return rmdir(folder) == 0 || errno == ENOENT
    }

    /// Makes this process's folder at a place, and tries a group in it; nil when the system refuses any of it.
    static func prepare(_ place: GroupTree, name: String) -> GroupTree? {
        let wanted = place.controllers.map { "+" + $0.rawValue }
        if place.generation == .second {
            let offered = System.text(of: place.folder + "/cgroup.controllers")
                .split(whereSeparator: \.isWhitespace).map(String.init)
            guard place.controllers.allSatisfy({ offered.contains($0.rawValue) }),
                divide(place.folder, wanted, name)
            else { return nil }
        }
        var tree = place
        tree.folder = place.folder + "/" + name
        guard mkdir(tree.folder, 0o755) == 0 || errno == EEXIST else { return nil }
        let trial = tree.folder + "/trial"
        defer { rmdir(trial) }
        guard place.generation == .first || wanted.allSatisfy({ put($0, in: tree.control) }),
            mkdir(trial, 0o755) == 0, isWritable(trial, of: tree)
        else {
            rmdir(trial)
            rmdir(tree.folder)
            return nil
        }
        return tree
    }

    /// Whether the limits that are going to be written can be.
    private static func isWritable(_ group: String, of tree: GroupTree) -> Bool {
        let limits =
            [tree.memoryLimit(1 << 30)].compactMap { $0 }
            + (tree.processorLimit(GroupTree.share(ofMemory: 128)) ?? [])
        return limits.allSatisfy { put($0.text, in: "\(group)/\($0.file)") }
            && access(group + "/cgroup.procs", W_OK) == 0
    }

    /// Lets the groups below one have controllers of their own.
    ///
    /// A group with processes cannot do that. If this process is alone in it, as it is in a service with
    /// `Delegate=yes`, it moves into a group of its own first. Source: cgroups(7), "no internal processes" rule.
    private static func divide(_ folder: String, _ wanted: [String], _ name: String) -> Bool {
        let control = folder + "/cgroup.subtree_control"
        let enabled = System.text(of: control).split(whereSeparator: \.isWhitespace)
        let missing = wanted.filter { !enabled.contains($0.dropFirst()) }
        if missing.allSatisfy({ put($0, in: control) }) { return true }
        guard processes(in: folder) == [getpid()] else { return false }
        let home = folder + "/" + name + "-self"
        guard mkdir(home, 0o755) == 0 else { return false }
        if put(String(getpid()), in: home + "/cgroup.procs"),
            missing.allSatisfy({ put($0, in: control) })
        {
            return true
        }
        put(String(getpid()), in: folder + "/cgroup.procs")
        rmdir(home)
        return false
    }
}

extension GroupTree {
    /// The file that says which controllers the groups below this process's folder have.
    fileprivate var control: String { folder + "/cgroup.subtree_control" }
}
