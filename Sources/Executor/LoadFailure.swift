import DataPlane
import HTTP

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

    /// A failure as a worker described it; nil when the description is cut short.
    init?(frame: Bytes) {
        var reader = FrameReader(left: frame)
        guard let line = reader.number(), let column = reader.number(), let type = reader.text(),
            let message = reader.text(), let file = reader.text()
        else { return nil }
        self.init(type: type, message: message)
        self.file = file
        self.line = line
        self.column = column
        if !reader.left.isEmpty { payload = Array(reader.left) }
    }

    /// The type of failures for which the function cannot be blamed.
    static let sandboxType = "Sandbox.Failure"

    /// Whether the machine is to blame and not the function.
    var isOfSandbox: Bool { type == Self.sandboxType }

    /// A program, or what runs it, lies where its process has other files.
    static func hidden(_ program: String) -> LoadFailure {
        LoadFailure(
            type: "Runtime.InvalidEntrypoint",
            message:
                "\(program) lies in /tmp, where each environment has files of its own and cannot "
                + "see it: move it elsewhere, or into the function's folder."
        )
    }

    /// An environment could not be given what its isolation level promises.
    static let notIsolated = LoadFailure(
        type: sandboxType,
        message: "The machine refused the namespaces that --isolation asks for."
    )

    /// The function's variables are sealed with a key that is not here.
    static let sealedVariables = LoadFailure(
        type: "KMSNotFoundException",
        message:
            "The function's environment variables are sealed with a key that is not among those of this node "
            + "(variables.key in its state folder)."
    )

    /// Whether another process would fare no better: the program itself or a key is missing.
    var isFinal: Bool {
        ["Runtime.InvalidEntrypoint", "Runtime.InvalidTaskConfig", "KMSNotFoundException"]
            .contains(type)
    }

    /// The failure of an interpreter that did not become a worker.
    static func unusable(_ program: String) -> LoadFailure {
        LoadFailure(type: "Runtime.ExitError", message: "\(program) \(unusableText)")
    }

    private static let unusableText = "did not start as a worker."

    /// Whether the interpreter is to blame, so that another may do better.
    var isUnusable: Bool { message.hasSuffix(Self.unusableText) }

    /// The failure of a worker that something killed before it was there.
    static func interrupted(_ program: String) -> LoadFailure {
        LoadFailure(type: "Runtime.ExitError", message: "\(program) \(interruptedText)")
    }

    private static let interruptedText = "was killed before it had started."

    /// The failure of a worker that was not there in time, which says nothing about its interpreter.
    static func slow(_ program: String) -> LoadFailure {
        LoadFailure(
            type: "Sandbox.Failure",
            message: "\(program) was not ready as a worker within \(BlankWorkers.bootLimit)."
        )
    }

    /// Whether a worker was killed while it booted, so that the same program may do better next time.
    var isInterrupted: Bool { message.hasSuffix(Self.interruptedText) }

    /// Whether static code was still running at the end of its time.
    var isTimeout: Bool { type == "Sandbox.Timedout" || self == .restoreTimeout }

    /// Hooks were still running at the end of the time for restoring.
    ///
    /// Source: "Troubleshooting SnapStart errors for Lambda functions".
    static let restoreTimeout = LoadFailure(
        type: "SnapStartTimeoutException",
        message: "Lambda couldn't restore the snapshot within the timeout limit."
    )

    /// The snapshot was still being made when the caller's time was up.
    static let snapshotNotReady = LoadFailure(
        type: "SnapStartNotReadyException",
        message: "Lambda is initializing your function. It will be ready to invoke once your "
            + "function state becomes ACTIVE."
    )

    /// How an invocation fails by it whose environment came out of a snapshot; nil when static code is to blame.
    var ofSnapshot: FunctionFailure? {
        switch type {
        case "Runtime.AfterRestoreError": .restoreFailed
        case Self.restoreTimeout.type: .restoreTimedOut
        case Self.snapshotNotReady.type: .snapshotNotReady
        default: nil
        }
    }
}
