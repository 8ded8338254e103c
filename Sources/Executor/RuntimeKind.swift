package import Model

/// How a function's process is started and spoken to.
package enum RuntimeKind: Sendable, Hashable {
    /// A built-in worker over frames.
    case node, python
    /// A program of the function's own that speaks the Runtime API.
    case provided

    /// The kinds whose workers boot before they are needed.
    static let builtIn: [RuntimeKind] = [.node, .python]

    /// The kind for a runtime's name (`nodejs22.x`), nil when it is not supported.
    package init?(runtime: String) {
        if runtime.hasPrefix("nodejs") {
            self = .node
        } else if runtime.hasPrefix("python") {
            self = .python
        } else if runtime.hasPrefix("provided") {
            self = .provided
        } else {
            return nil
        }
    }

    /// The kind for a version, nil when its runtime is not supported.
    package init?(_ version: FunctionVersion) {
        if version.image != nil { self = .provided } else { self.init(runtime: version.runtime) }
    }

    var program: String { self == .node ? "node" : "python3" }
    /// What the interpreter is called in sentences.
    var title: String { self == .node ? "Node.js" : "Python" }

    /// The program that is exactly a runtime's version, such as `python3.12` or `node22`.
    func exactProgram(_ runtime: String) -> String {
        guard self == .node else { return runtime }
        return "node" + runtime.dropFirst("nodejs".count).prefix { $0.isNumber }
    }

    /// Whether an interpreter's version is the one that a runtime's name asks for.
    func isExact(_ runtime: String, version: String) -> Bool {
        let wanted = runtime.drop { !$0.isNumber }.split(separator: ".").compactMap { Int($0) }
        let found = version.split(separator: ".").compactMap { Int($0) }
        return found.starts(with: self == .node ? Array(wanted.prefix(1)) : wanted)
    }

    var fileName: String { self == .node ? "worker.js" : "worker.py" }
    var source: String { self == .node ? NodeWorker.source : PythonWorker.source }

    func arguments(script: String) -> [String] { self == .node ? [script] : ["-u", script] }

    /// What to tell somebody whose machine lacks the program.
    var advice: String {
        switch self {
        case .node:
            "Node.js functions need the program `node`, which is not in PATH: install Node.js 18 or "
                + "newer (for example `apt install nodejs`)."
        case .python:
            "Python functions need the program `python3`, which is not in PATH: install Python 3.9 or "
                + "newer (for example `apt install python3`)."
        case .provided:
            "The function has no executable file `bootstrap` at the root of its code or in a layer."
        }
    }
}
