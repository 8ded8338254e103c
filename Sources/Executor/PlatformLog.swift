import JSON
import Model

/// The platform's lines about a function's environments and invocations, as text or as JSON records.
///
/// Source: "Working with Lambda function logs", "Log level filtering".
struct PlatformLog {
    let identity: FunctionIdentity

    private static let millisecond = Duration.milliseconds(1)

    /// `INIT_START`.
    func initStart(phase: String) -> String? {
        let runtime = identity.version.runtime
        let arn = "arn:aws:lambda:\(identity.region)::runtime:portico"
        guard identity.logsJSON else {
            return "INIT_START Runtime Version: \(runtime)\tRuntime Version ARN: \(arn)"
        }
        return record("platform.initStart", .info) { json in
            json.field("initializationType", "on-demand")
            json.field("phase", phase)
            json.field("runtimeVersion", runtime)
            json.field("runtimeVersionArn", arn)
            json.field("functionName", identity.name)
            json.field("functionVersion", identity.version.versionText)
        }
    }

    /// `INIT_REPORT`, which only a failed initialisation has.
    func initReport(_ took: Duration, phase: String, _ failure: LoadFailure) -> String? {
        let milliseconds = System.twoDecimals(took, per: Self.millisecond)
        let status = failure.isTimeout ? "timeout" : "error"
        guard identity.logsJSON else {
            var text =
                "INIT_REPORT Init Duration: \(milliseconds) ms\tPhase: \(phase)\tStatus: \(status)"
            if !failure.isTimeout { text += "\tError Type: \(failure.type)" }
            return text
        }
        return record("platform.initReport", .warn) { json in
            json.field("initializationType", "on-demand")
            json.field("phase", phase)
            json.field("status", status)
            if !failure.isTimeout { json.field("errorType", failure.type) }
            json.key("metrics")
            json.beginObject()
            json.key("durationMs")
            json.raw(milliseconds)
            json.endObject()
        }
    }

    /// `START`.
    func start(_ requestID: String) -> String? {
        guard identity.logsJSON else {
            return "START RequestId: \(requestID) Version: \(identity.version.versionText)"
        }
        return record("platform.start", .info) { json in
            json.field("requestId", requestID)
            json.field("version", identity.version.versionText)
        }
    }

    /// `END`; JSON has no such record.
    func end(_ requestID: String) -> String? {
        identity.logsJSON ? nil : "END RequestId: \(requestID)"
    }

    /// How an invocation ended, for its report.
    struct Ending {
        var status = "success"
        var errorType: String?
    }

    /// `REPORT`, with the tabulator at the end of each field, the last included.
    func report(
        _ requestID: String,
        duration: Duration,
        loading: Duration?,
        peakMemory: Int,
        _ ending: Ending
    ) -> String? {
        let memory = identity.version.memory
        let used = min(memory, (peakMemory + (1 << 20) - 1) >> 20)
        let spent = System.twoDecimals(duration, per: Self.millisecond)
        let billed = Int(((duration + (loading ?? .zero)) / Self.millisecond).rounded(.up))
        let initial = loading.map { System.twoDecimals($0, per: Self.millisecond) }
        if identity.logsJSON {
            return record("platform.report", ending.status == "success" ? .info : .warn) { json in
                json.field("requestId", requestID)
                json.field("status", ending.status)
                if let type = ending.errorType { json.field("errorType", type) }
                json.key("metrics")
                json.beginObject()
                json.key("durationMs")
                json.raw(spent)
                json.field("billedDurationMs", billed)
                json.field("memorySizeMB", memory)
                json.field("maxMemoryUsedMB", used)
                if let initial {
                    json.key("initDurationMs")
                    json.raw(initial)
                }
                json.endObject()
            }
        }
        var text =
            "REPORT RequestId: \(requestID)\tDuration: \(spent) ms\tBilled Duration: \(billed) ms"
        text += "\tMemory Size: \(memory) MB\tMax Memory Used: \(used) MB\t"
        if let initial { text += "Init Duration: \(initial) ms\t" }
        if ending.status != "success" {
            text += "Status: \(ending.status)"
            text += ending.errorType.map { "\tError Type: \($0)\t" } ?? "\t"
        }
        return text
    }

    private func record(
        _ type: String,
        _ level: FunctionLogging.Level,
        _ fill: (inout JSONWriter) -> Void
    ) -> String? {
        guard level >= identity.version.logging?.systemLevel ?? .info else { return nil }
        var json = JSONWriter(reserving: 256)
        json.beginObject()
        json.field("time", System.timestamp(System.milliseconds))
        json.field("type", type)
        json.key("record")
        json.beginObject()
        fill(&json)
        json.endObject()
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
