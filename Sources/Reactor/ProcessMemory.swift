import CLinux
import Glibc

/// What this process holds in memory.
///
/// Keeps its descriptor, so that it can be asked when there are no more to be had.
package final class ProcessMemory: Sendable {
    private let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)

    /// Opens the kernel's page about this process.
    package init() {}

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What is in memory now; 0 when the kernel does not say.
    ///
    /// Unit: bytes.
    package var residentBytes: Int {
        withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { room in
            let count = pread(descriptor, room.baseAddress, room.count, 0)
            let fields = room.prefix(max(0, count)).split(separator: 0x20)
            guard fields.count > 1 else { return 0 }
            return fields[1].reduce(0) { $0 * 10 + Int($1 & 0x0F) } * Int(getpagesize())
        }
    }

    /// Gives what is free inside the process back to the system; takes a moment.
    package static func trim() { portico_trim_memory() }

    /// What this process may use at most: the memory of the machine, or that of its control group.
    ///
    /// Unit: bytes.
    package static var available: Int {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * Int(getpagesize())
        let file = open("/sys/fs/cgroup/memory.max", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return machine }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { room in
            let count = read(file, room.baseAddress, room.count)
            let digits = room.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, digits.count < 19 else { return machine }
            return min(machine, digits.reduce(0) { $0 * 10 + Int($1 & 0x0F) })
        }
    }
}
