import Glibc
import JSON
import Reactor

/// What a function did with an event that belongs to no request.
package struct FunctionTrial: Sendable {
    /// The returned object as JSON under `request` or `response`; empty when there is none.
    package var output = ""
    /// What went wrong in the function; empty when nothing did.
    package var error = ""
    package var logs: [String] = []
    /// The share of the allowed time that a run took, 0 to 100.
    package var utilization = 0
    /// Why it could not be run at all.
    package var failure: String?
}

extension FunctionHost {
    /// How many runs are measured after the first; the middle one counts.
    private static let measuredRuns = 5

    /// Runs a function in a context of its own and measures it.
    ///
    /// Only what the code itself does wrong is found: the rules for results are for requests, as at AWS
    /// ("Test functions").
    package func test(_ function: ViewerFunction, event: [UInt8]) -> FunctionTrial {
        var trial = FunctionTrial()
        let functions = ReactorFunctions(isLenient: isLenient, timeLimit: timeLimit)
        let shown =
            function.kind == .connection ? ConnectionFunction.event(of: event) : event
        var box = Array("{\"event\":".utf8) + shown
        box += Array(",\"edge\":\"test\"}".utf8)
        let start = MonotonicInstant(nanoseconds: 0)
        let first = functions.run(function, box, at: start)
        trial.logs = first.logs
        switch first.end {
        case .value(let json): trial.output = Self.output(json, function.kind)
        case .exception(let text):
            trial.error =
                "The CloudFront function associated with the CloudFront distribution is "
                + "invalid or could not run. \(text)"
        case .interrupted, .throttled:
            trial.error = "The function ran longer than it may."
            trial.utilization = 100
            return trial
        case .outOfMemory: trial.error = "The function keeps more memory than it may."
        case .noLibrary:
            trial.failure = Self.advice
            return trial
        }
        if functions.growth(of: function) > Self.memoryLimit {
            trial.error = "The function keeps more memory than it may."
        }
        var times: [Double] = []
        for _ in 0..<Self.measuredRuns {
            let before = Self.processorTime()
            _ = functions.run(function, box, at: start)
            times.append(Self.processorTime() - before)
        }
        let middle = times.sorted()[times.count / 2]
        let allowed =
            function.kind == .connection ? Self.allowedConnectionTime : Self.allowedTime
        trial.utilization = min(100, max(1, Int((middle / allowed * 100).rounded())))
        return trial
    }

    private static func output(_ json: [UInt8], _ kind: ViewerFunction.Kind) -> String {
        guard kind == .message else { return String(decoding: json, as: UTF8.self) }
        let value = try? JSONValue.parse(json[...])
        let name = value?["statusCode"] == nil ? "request" : "response"
        return "{\"\(name)\":\(String(decoding: json, as: UTF8.self))}"
    }

    /// Unit: seconds of this thread.
    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
