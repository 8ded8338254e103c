import HTTP
import Reactor

/// One call as an environment passes it to its process.
struct EnvironmentCall {
    var payload: Bytes
    var requestID: String
    var arn: String
    var clientContext: String
    var identity: String
    var traceID: String
    /// When the process is killed, by the wall clock.
    ///
    /// Unit: milliseconds since 1970.
    var deadlineMilliseconds: Int64
    /// Where a streamed answer goes; nil collects it.
    var stream: ResponseChannel?
}

/// How loading a function ended.
enum Initialisation {
    case loaded, failed(LoadFailure), timedOut, ended
}

/// How one call of a process ended.
enum Answer {
    case response(Bytes)
    /// The function threw; the payload is its error JSON.
    case failed(Bytes)
    /// As `failed`, and the process ends itself.
    case fatal(Bytes)
    case oversized(Int)
    case timedOut
    /// The process ended, or what it sent made no sense.
    case exited
    /// The answer went to the call's stream; with the error JSON that cut it short.
    case streamed(error: Bytes?)
}

extension Answer {
    /// How the runtime ended an invocation, for those who listen, and how many bytes it answered.
    var telemetry: (PlatformLog.Ending, Int) {
        switch self {
        case .response(let bytes): (PlatformLog.Ending(), bytes.count)
        case .streamed(nil): (PlatformLog.Ending(), 0)
        case .failed(let bytes): (PlatformLog.Ending(status: "error"), bytes.count)
        case .streamed(let error?): (PlatformLog.Ending(status: "error"), error.count)
        case .oversized(let size):
            (
                PlatformLog.Ending(
                    status: "error",
                    errorType: "Function.ResponseSizeTooLarge"
                ), size
            )
        case .timedOut: (PlatformLog.Ending(status: "timeout"), 0)
        case .fatal, .exited:
            (PlatformLog.Ending(status: "failure", errorType: "Runtime.ExitError"), 0)
        }
    }
}

/// How the executor and a process speak with each other.
///
/// Confined to its reactor; an environment has one call at a time.
protocol WorkerTransport: AnyObject {
    /// Has the function loaded, and waits for it.
    func initialise(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String,
        until deadline: MonotonicInstant
    ) async -> Initialisation

    /// Passes one call and waits for its answer.
    func invoke(
        _ call: EnvironmentCall,
        _ environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async -> Answer

    /// Whether an answer may come before the process is ready for the next call.
    var answersEarly: Bool { get }

    /// Whether the reactor's latest look showed all output that the process had made before its answer.
    ///
    /// Then nothing else of it can lie in a pipe, and none need be asked.
    var hasAnnouncedOutput: Bool { get }

    /// Waits until the process asks for its next call; false when it has ended or taken too long.
    func becomeReady(until deadline: MonotonicInstant) async -> Bool

    /// Passes on what a process says that was asked to end; returns when it has ended or the time is up.
    func takeLastWords(_ environment: ExecutionEnvironment, until deadline: MonotonicInstant) async

    /// The process has ended: whoever waits for it is told so.
    func processEnded()
}
