/// How far the processes of functions are kept from each other and from the machine.
package enum IsolationLevel: String, Sendable, CaseIterable {
    /// A process group, and a `/tmp` of its own where the machine allows it.
    case process
    /// User, mount, IPC and host name namespaces as well: no other function's code or files, nothing of the
    /// state folder. Where the machine does not allow it no function runs.
    case namespaces
    /// As `namespaces`, and no network but a loopback of the environment's own.
    case noNetwork = "no-network"

    /// Whether functions run only where everything that the level promises is to be had.
    var isStrict: Bool { self != .process }
}
