import Glibc

/// What a process holds: open descriptors and living or unreaped child processes.
package struct ProcessCounts: Sendable, Equatable, CustomStringConvertible {
    package var descriptors: Int
    package var children: Int

    /// Counts now, for this process or another of the same user.
    package init(of pid: Int32 = getpid()) {
        descriptors = Self.names(in: "/proc/\(pid)/fd").count
        children = Self.children(of: pid).count
    }

    package var description: String { "\(descriptors) descriptors, \(children) children" }

    /// The process ids of a process's children, zombies included.
    package static func children(of pid: Int32 = getpid()) -> [Int32] {
        names(in: "/proc").compactMap { Int32($0) }.filter { candidate in
            // The fields after the name, which may hold spaces and parentheses: state, parent.
            let stat = text(of: "/proc/\(candidate)/stat")
            guard let end = stat.lastIndex(of: ")") else { return false }
            let fields = stat[end...].split(separator: " ")
            return fields.count > 2 && Int32(fields[2]) == pid
        }
    }

    /// What each descriptor of a process is open on, for reports of leaks.
    package static func targets(of pid: Int32 = getpid()) -> [String] {
        names(in: "/proc/\(pid)/fd").map { name in
            var room = [CChar](repeating: 0, count: 256)
            let count = readlink("/proc/\(pid)/fd/\(name)", &room, 255)
            let bytes = room.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
            return "\(name) \(String(decoding: bytes, as: UTF8.self))"
        }
    }

    /// Waits until the counts are back at a level, at most ten seconds; returns the last counts.
    package static func settled(at level: ProcessCounts, of pid: Int32 = getpid()) -> ProcessCounts
    {
        var counts = ProcessCounts(of: pid)
        for _ in 0..<1000 where counts != level {
            // Nothing tells when the kernel drops a descriptor or a process: look again soon.
            poll(nil, 0, 10)
            counts = ProcessCounts(of: pid)
        }
        return counts
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        let own = String(dirfd(stream))
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix("."), !folder.hasSuffix("/fd") || name != own { names.append(name) }
        }
        return names
    }

    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var room = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &room, room.count)
        return String(decoding: room.prefix(max(0, count)), as: UTF8.self)
    }
}
