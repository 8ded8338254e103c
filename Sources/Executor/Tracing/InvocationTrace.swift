import DataPlane
import HTTP
import JSON
import Model
import Synchronization

/// The trace of one invocation: the service's segment, and that of the function's run below it.
///
/// Nothing is made for a trace that is not kept but the header that the function gets.
final class InvocationTrace: Sendable {
    private let tracer: Tracer
    private let identity: FunctionIdentity
    private let requestID: String
    private let upstream: TraceHeader
    /// The id of the service's segment.
    private let service: String
    /// The id of the segment of the function's run.
    let function: String
    private let started: Int64
    private let run = Mutex(Run())

    /// What is known of the run.
    private struct Run {
        var began: Int64?
        var answered: Int64?
        var failure: [UInt8]?
    }

    init(
        tracer: Tracer,
        header: TraceHeader,
        identity: FunctionIdentity,
        requestID: String,
        started: Int64
    ) {
        self.tracer = tracer
        self.identity = identity
        self.requestID = requestID
        self.started = started
        upstream = header
        service = TraceHeader.makeID()
        function = TraceHeader.makeID()
    }

    var isSampled: Bool { upstream.decision == .sampled }
    var root: String { upstream.root ?? "" }

    /// The header that the runtime gets: always with root, parent and decision.
    var header: String {
        var header = upstream
        if isSampled || header.parent == nil { header.parent = function }
        if header.decision == nil || header.decision == .requested { header.decision = .notSampled }
        header.others.removeAll { $0.hasPrefix("Self=") }
        return header.text
    }

    // MARK: - The run

    /// An environment begins with it.
    func begin() {
        guard isSampled else { return }
        let now = tracer.now
        run.withLock { $0.began = now }
    }

    /// The function has answered.
    func answered(_ result: InvocationResult) {
        guard isSampled else { return }
        let now = tracer.now
        run.withLock { run in
            run.answered = now
            if case .functionError(_, let payload) = result { run.failure = Array(payload) }
        }
    }

    /// The environment has done with it: sends the segment of the run.
    func report(_ report: InvocationReport) {
        guard isSampled else { return }
        let end = tracer.now
        let run = run.withLock { $0 }
        let began = run.began ?? end - report.duration / 1000
        let answered = min(max(run.answered ?? end, began), end)
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        head(&json, id: function, origin: "AWS::Lambda::Function", parent: service)
        times(&json, began, end)
        aws(&json)
        if let failure = run.failure { cause(&json, failure) }
        json.key("subsegments")
        json.beginArray()
        if let loading = report.loading {
            subsegment(&json, "Initialization", began - loading / 1000, began)
        }
        if let restoring = report.restoring {
            subsegment(&json, "Restore", began - restoring.whole / 1000, began)
        }
        subsegment(&json, "Invocation", began, answered, hasFailed: run.failure != nil)
        subsegment(&json, "Overhead", answered, end)
        json.endArray()
        json.endObject()
        tracer.send(json)
    }

    /// The caller has its answer: sends the service's segment.
    func end(_ result: InvocationResult) {
        guard isSampled else { return }
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        head(&json, id: service, origin: "AWS::Lambda", parent: upstream.parent)
        times(&json, started, tracer.now)
        var status = 200
        switch result {
        case .success: break
        case .functionError: json.field("fault", true)
        case .throttled:
            status = 429
            json.field("throttle", true)
            json.field("error", true)
        case .notFound:
            status = 404
            json.field("error", true)
        }
        json.key("http")
        json.beginObject()
        json.key("response")
        json.beginObject()
        json.field("status", status)
        json.endObject()
        json.endObject()
        aws(&json)
        json.endObject()
        tracer.send(json)
    }

    // MARK: - Parts of documents

    private func head(_ json: inout JSONWriter, id: String, origin: String, parent: String?) {
        json.field("name", identity.version.name)
        json.field("id", id)
        json.field("trace_id", root)
        if let parent { json.field("parent_id", parent) }
        json.field("origin", origin)
    }

    private func times(_ json: inout JSONWriter, _ start: Int64, _ end: Int64) {
        json.key("start_time")
        json.raw(Self.seconds(start))
        json.key("end_time")
        json.raw(Self.seconds(max(start, end)))
    }

    /// Microseconds as seconds with six decimals.
    static func seconds(_ microseconds: Int64) -> String {
        let fraction = String(microseconds % 1_000_000)
        return "\(microseconds / 1_000_000)."
            + String(repeating: "0", count: 6 - fraction.count) + fraction
    }

    private func aws(_ json: inout JSONWriter) {
        json.key("aws")
        json.beginObject()
        json.field("account_id", identity.account)
        json.field("function_arn", identity.arn)
        json.field("operation", "Invoke")
        json.field("region", identity.region)
        json.field("request_id", requestID)
        json.key("resource_names")
        json.beginArray()
        json.string(identity.version.name)
        json.endArray()
        json.endObject()
    }

    private func subsegment(
        _ json: inout JSONWriter,
        _ name: String,
        _ start: Int64,
        _ end: Int64,
        hasFailed: Bool = false
    ) {
        json.beginObject()
        json.field("name", name)
        json.field("id", TraceHeader.makeID())
        times(&json, start, end)
        if hasFailed { json.field("fault", true) }
        json.endObject()
    }

    /// How many frames of a stack go into a document.
    private static let maximumFrames = 50
    /// How much of a message goes into a document, in characters.
    private static let maximumMessage = 8192

    private func cause(_ json: inout JSONWriter, _ payload: [UInt8]) {
        json.field("fault", true)
        let error = (try? JSONValue.parse(payload[...])) ?? .null
        json.key("cause")
        json.beginObject()
        json.field("working_directory", identity.taskRoot)
        json.key("exceptions")
        json.beginArray()
        json.beginObject()
        json.field("id", TraceHeader.makeID())
        json.field("message", Self.cut(error["errorMessage"]?.string ?? ""))
        json.field("type", Self.cut(error["errorType"]?.string ?? "Error"))
        json.key("stack")
        json.beginArray()
        let frames = (error["stackTrace"] ?? error["trace"])?.array ?? []
        for frame in frames.prefix(Self.maximumFrames) {
            json.beginObject()
            json.field("label", Self.cut(frame.string ?? frame.text))
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.endArray()
        json.endObject()
    }

    private static func cut(_ text: String) -> String { String(text.prefix(maximumMessage)) }
}
