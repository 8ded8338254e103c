package import Model

/// What the executor may use and where it keeps its files.
package struct ExecutorConfiguration: Sendable {
    /// The folder for the worker scripts; made when missing.
    package var workFolder: String
    /// How many booted workers wait per runtime kind and reactor.
    package var blankWorkers = 2
    /// How many environments one function may have per reactor.
    package var environmentsPerFunction = 4
    /// Whether the number of environments of a function is bounded only by its callers.
    package var liftsProcessBudget: Bool
    /// How many invocations of one function may wait per reactor.
    package var waitersPerFunction = 1024
    /// How long an environment without work is kept.
    package var idleLimit: Duration = .seconds(600)
    /// How long a function's static code may take.
    package var initLimit: Duration = .seconds(10)
    /// The region told to functions.
    package var region = "us-east-1"
    /// Variables of our own environment that the workers need to find programs.
    package var path: String

    /// Makes a configuration with the defaults.
    package init(workFolder: String, liftsProcessBudget: Bool = false, path: String? = nil) {
        self.workFolder = workFolder
        self.liftsProcessBudget = liftsProcessBudget
        self.path = path ?? System.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
    }
}

/// One line that a function or the platform wrote.
package struct FunctionLogLine: Sendable {
    /// The qualified function.
    package var function: String
    package var group: String
    package var stream: String
    /// Nil when the line belongs to no invocation.
    package var requestID: String?
    /// Unit: milliseconds since 1970.
    package var timestamp: Int64
    package var text: String
}

/// Why a function could not be loaded.
package struct LoadFailure: Error, Sendable, Equatable {
    package var type: String
    package var message: String
    /// Relative to the code folder when inside it; empty when unknown.
    package var file: String
    /// Counted from 1; 0 when unknown.
    package var line: Int
    /// Counted from 1; 0 when unknown.
    package var column: Int
    /// Lambda's error JSON.
    package var payload: [UInt8]

    /// Makes a failure without a place.
    package init(type: String, message: String) {
        self.type = type
        self.message = message
        file = ""
        line = 0
        column = 0
        payload = ErrorPayload.make(type: type, message: message)
    }
}

/// The kinds of worker.
package enum RuntimeKind: Sendable, Hashable, CaseIterable {
    case node, python

    /// The kind for a runtime's name (`nodejs22.x`), nil when it is not supported.
    package init?(runtime: String) {
        if runtime.hasPrefix("nodejs") {
            self = .node
        } else if runtime.hasPrefix("python") {
            self = .python
        } else {
            return nil
        }
    }

    var program: String { self == .node ? "node" : "python3" }
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
        }
    }
}
