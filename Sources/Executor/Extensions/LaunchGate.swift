import Reactor

/// Holds a program back, in its namespaces and with its process id, until it is let go.
///
/// External extensions start before the runtime, and in the runtime's own namespaces.
enum LaunchGate {
    /// Says on descriptor 3 that it is there, and waits for a line there; then enters the folder anew, which may
    /// have another one over it by then.
    private static let script =
        "printf r >&3; read -r _ <&3; cd \"$1\" || exit 126; shift; exec \"$@\""

    /// The command line of a program behind the gate.
    static func command(
        _ program: String,
        _ arguments: [String],
        in folder: String
    ) -> (path: String, arguments: [String]) {
        ("/bin/sh", ["-c", script, "portico", folder, program] + arguments)
    }

    /// Waits until the process stands at its gate; false when it has ended or time ran out.
    static func reached(by child: ChildProcess, until deadline: MonotonicInstant) async -> Bool {
        let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
        defer { byte.deallocate() }
        if case .bytes = await child.channel.readSome(into: byte, until: deadline) { return true }
        return false
    }

    /// Lets the program go.
    static func open(_ child: ChildProcess, until deadline: MonotonicInstant) async {
        _ = await child.channel.writeAll([UInt8(ascii: "\n")], [], until: deadline)
    }
}
