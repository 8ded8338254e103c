import Glibc

/// The process that groups belong to, as their folder's name tells it.
///
/// A number is given to one process after the other, so its start belongs to it, and it means something only among
/// the processes that are numbered together.
struct GroupOwner: Equatable {
    /// The number of the namespace in which processes are numbered.
    let namespace: String
    let pid: Int32
    /// Unit: clock ticks since the machine's start.
    let start: String

    /// This process; nil when the system does not tell.
    static var current: GroupOwner? {
        let pid = getpid()
        guard let namespace = ownNamespace, let start = start(of: pid) else { return nil }
        return GroupOwner(namespace: namespace, pid: pid, start: start)
    }

    private init(namespace: String, pid: Int32, start: String) {
        self.namespace = namespace
        self.pid = pid
        self.start = start
    }

    /// Reads what `name` gives, with anything after a further hyphen.
    init?(name: Substring) {
        let parts = name.split(separator: "-")
        guard parts.count >= 3, let pid = Int32(parts[1]) else { return nil }
        self.init(namespace: String(parts[0]), pid: pid, start: String(parts[2]))
    }

    var name: String { "\(namespace)-\(pid)-\(start)" }

    /// Whether it has ended; of processes that are numbered elsewhere, or that cannot be looked at, nothing is known.
    var isGone: Bool {
        guard namespace == Self.ownNamespace else { return false }
        if let now = Self.start(of: pid) { return now != start }
        return kill(pid, 0) != 0 && errno == ESRCH
    }

    private static var ownNamespace: String? {
        System.link("/proc/self/ns/pid").map { $0.filter(\.isNumber) }
    }

    /// When a process started; nil when there is none, or when it cannot be looked at.
    ///
    /// Source: proc_pid_stat(5), field 22; the second, the program's name, may contain anything.
    private static func start(of pid: Int32) -> String? {
        let text = System.text(of: "/proc/\(pid)/stat")
        guard let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[name...].split(separator: " ")
        guard fields.count > 20 else { return nil }
        // A process that has ended and was not awaited yet is gone as well: it is none of any start.
        return fields[1] == "Z" || fields[1] == "X" ? "" : String(fields[20])
    }
}
