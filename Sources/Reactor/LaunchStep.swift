import CLinux

/// What a process may have for itself of the machine (namespaces(7)).
package struct Namespaces: OptionSet, Sendable {
    package let rawValue: UInt

    /// Holds the given bits of unshare(2).
    package init(rawValue: UInt) { self.rawValue = rawValue }

    package static let mount = Namespaces(rawValue: 0x0002_0000)
    package static let names = Namespaces(rawValue: 0x0400_0000)
    package static let messages = Namespaces(rawValue: 0x0800_0000)
    /// In it the process counts as root.
    package static let user = Namespaces(rawValue: 0x1000_0000)
    package static let network = Namespaces(rawValue: 0x4000_0000)
}

/// One thing that a program's process does before it becomes the program.
///
/// The system does each at once: nothing is run for it, and nobody waits for it.
package enum LaunchStep: Equatable, Sendable {
    /// Has namespaces of its own; no mount of theirs is seen outside or the other way round.
    case unshare(Namespaces, user: UInt32, group: UInt32)
    /// A file system in memory, with options such as `size=4m,mode=755`; no devices and no other users' power.
    case memory(at: String, name: String, options: String)
    /// The same folder in another place; `deep` with what is mounted in it.
    case bind(String, at: String, deep: Bool)
    case move(String, to: String)
    /// Makes a folder and those above it, from the first below `root`, which is there.
    case makeFolder(String, below: String)
    case enter(String)
    /// Joins a control group, which is made first, by writing its own number as 0 into one of its files; where the system
    /// does not let it, it goes on without.
    ///
    /// Done from outside this holds up whoever starts a process (cgroups(7)).
    case join(group: String, file: String)

    /// The system calls, each with what an error says was tried.
    var calls: [LaunchCall] {
        switch self {
        case .unshare(let namespaces, let user, let group):
            var calls = [LaunchCall(PORTICO_STEP_UNSHARE, "unshare", flags: namespaces.rawValue)]
            if namespaces.contains(.user) {
                // Who may not drop groups may map its own (user_namespaces(7)).
                for (file, text) in [
                    ("setgroups", "deny"), ("uid_map", "0 \(user) 1"), ("gid_map", "0 \(group) 1"),
                ] {
                    let path = "/proc/self/\(file)"
                    calls.append(
                        LaunchCall(PORTICO_STEP_WRITE, path, source: path, target: text)
                    )
                }
            }
            if namespaces.contains(.mount) {
                calls.append(.mount("none", "/", flags: MountFlags.deep | MountFlags.isPrivate))
            }
            return calls
        case .memory(let place, let name, let options):
            let flags = MountFlags.noSetUser | MountFlags.noDevices
            return [.mount(name, place, type: "tmpfs", flags: flags, data: options)]
        case .bind(let source, let place, let deep):
            let flags = MountFlags.bind | (deep ? MountFlags.deep : 0)
            return [.mount(source, place, flags: flags)]
        case .move(let source, let place):
            return [.mount(source, place, flags: MountFlags.move)]
        case .makeFolder(let path, let root):
            var built = root
            return path.dropFirst(root.count).split(separator: "/").map { part in
                built += "/" + part
                return LaunchCall(PORTICO_STEP_FOLDER, "mkdir \(built)", target: built)
            }
        case .enter(let path):
            return [LaunchCall(PORTICO_STEP_ENTER, "chdir \(path)", target: path)]
        case .join(let group, let file):
            let path = "\(group)/\(file)"
            return [
                LaunchCall(PORTICO_STEP_FOLDER, "mkdir \(group)", target: group, mayFail: true),
                LaunchCall(PORTICO_STEP_WRITE, path, source: path, target: "0", mayFail: true),
            ]
        }
    }
}

/// Flags of mount(2).
private enum MountFlags {
    static let noSetUser: UInt = 0x2
    static let noDevices: UInt = 0x4
    static let bind: UInt = 0x1000
    static let move: UInt = 0x2000
    static let deep: UInt = 0x4000
    static let isPrivate: UInt = 0x40000
}

/// One system call of a step.
struct LaunchCall {
    let kind: portico_step_kind
    /// What an error says was tried.
    let title: String
    let flags: UInt
    let source: String
    let target: String
    let type: String
    let data: String
    let mayFail: Bool

    init(
        _ kind: portico_step_kind,
        _ title: String,
        flags: UInt = 0,
        source: String = "",
        target: String = "",
        type: String = "",
        data: String = "",
        mayFail: Bool = false
    ) {
        self.kind = kind
        self.title = title
        self.flags = flags
        self.source = source
        self.target = target
        self.type = type
        self.data = data
        self.mayFail = mayFail
    }

    static func mount(
        _ source: String,
        _ target: String,
        type: String = "",
        flags: UInt,
        data: String = ""
    ) -> LaunchCall {
        LaunchCall(
            PORTICO_STEP_MOUNT,
            "mount \(target)",
            flags: flags,
            source: source,
            target: target,
            type: type,
            data: data
        )
    }
}
