import Glibc
import Model

/// The function that somebody looks at with a debugger.
package struct DebugTarget: Sendable {
    /// How long a call waits for the one that is looked at, and that one for its debugger.
    static let patience: Duration = .seconds(3600)

    /// Where the debugger is reached; nil takes what its tools try first.
    let port: Int?
    /// Whether a function is the one, by its name.
    let isMeant: @Sendable (String) -> Bool

    /// Describes a function.
    package init(port: Int?, isMeant: @escaping @Sendable (String) -> Bool) {
        self.port = port
        self.isMeant = isMeant
    }

    /// The port of one function's debugger; nil when it is not looked at, or has none.
    func port(for identity: FunctionIdentity, _ kind: RuntimeKind) -> DebugPort? {
        guard isMeant(identity.version.name) else { return nil }
        switch kind {
        case .node: return DebugPort(number: port ?? 9229)
        case .python: return DebugPort(number: port ?? 5678)
        case .provided: return nil
        }
    }
}

/// A port of this machine on which a debugger is awaited.
struct DebugPort: Sendable {
    let number: Int

    /// Whether a debugger holds a connection.
    ///
    /// The system is asked, since a program that stands at a breakpoint tells nobody.
    var isAttached: Bool {
        ["/proc/net/tcp", "/proc/net/tcp6"].contains { Self.has(number, in: $0) }
    }

    /// Whether a table of the system's connections has an established one at a port.
    private static func has(_ port: Int, in file: String) -> Bool {
        guard let table = fopen(file, "r") else { return false }
        defer { fclose(table) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), table) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            let fields = text.split(separator: " ", maxSplits: 4)
            guard fields.count > 3, fields[3] == "01" else { continue }
            if Int(fields[1].split(separator: ":").last ?? "", radix: 16) == port { return true }
        }
        return false
    }
}
