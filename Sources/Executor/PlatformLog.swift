import JSON
import Model

/// The platform's lines about a function's environments and invocations, as text or as JSON records.
///
/// Source: "Working with Lambda function logs", "Log level filtering".
struct PlatformLog {
    let identity: FunctionIdentity
    var initialization = InitializationType.onDemand

    /// `INIT_START`.
    func initStart(phase: String) -> FunctionLogLine.Words? {
        let runtime = identity.version.runtime
        let arn = "arn:aws:lambda:\(identity.region)::runtime:portico"
        guard identity.logsJSON else {
            return .text("INIT_START Runtime Version: \(runtime)\tRuntime Version ARN: \(arn)")
        }
        return record("platform.initStart", .info) { json in
            json.field("initializationType", initialization.rawValue)
            json.field("phase", phase)
            json.field("runtimeVersion", runtime)
            json.field("runtimeVersionArn", arn)
            json.field("functionName", identity.name)
            json.field("functionVersion", identity.versionText)
        }
    }

    /// `RESTORE_START`.
    ///
    /// Source: "Monitoring for Lambda SnapStart".
    var restoreStart: FunctionLogLine.Words? {
        let runtime = identity.version.runtime
        let arn = "arn:aws:lambda:\(identity.region)::runtime:portico"
        guard identity.logsJSON else {
            return .text("RESTORE_START Runtime Version: \(runtime)\tRuntime Version ARN: \(arn)")
        }
        return record("platform.restoreStart", .info) { json in
            json.field("runtimeVersion", runtime)
            json.field("runtimeVersionArn", arn)
            json.field("functionName", identity.name)
            json.field("functionVersion", identity.versionText)
        }
    }

    /// `RESTORE_REPORT`, with why it failed if it did.
    func restoreReport(_ took: Duration, _ failure: LoadFailure?) -> FunctionLogLine.Words? {
        let milliseconds = System.twoDecimals(took, per: .milliseconds(1))
        let status = failure.map { $0.isTimeout ? "timeout" : "error" }
        guard identity.logsJSON else {
            var text = "RESTORE_REPORT Restore Duration: \(milliseconds) ms"
            if let status { text += "\tStatus: \(status)" }
            if let failure, !failure.isTimeout { text += "\tError Type: \(failure.type)" }
            return .text(text)
        }
        return record("platform.restoreReport", failure == nil ? .info : .warn) { json in
            json.field("status", status ?? "success")
            if let failure, !failure.isTimeout { json.field("errorType", failure.type) }
            Self.metrics(milliseconds, into: &json)
        }
    }

    /// `INIT_REPORT` of a snapshot that is there; other environments that are there have none.
    ///
    /// Source: "Monitoring for Lambda SnapStart".
    func initReport(_ took: Duration) -> FunctionLogLine.Words? {
        let milliseconds = System.twoDecimals(took, per: .milliseconds(1))
        guard identity.logsJSON else {
            return .text("INIT_REPORT Init Duration: \(milliseconds) ms")
        }
        return record("platform.initReport", .info) { json in
            json.field("initializationType", initialization.rawValue)
            json.field("phase", LoadStage.initial.phase)
            json.field("status", "success")
            Self.metrics(milliseconds, into: &json)
        }
    }

    /// `INIT_REPORT` of an initialisation that failed.
    func initReport(
        _ took: Duration,
        phase: String,
        _ failure: LoadFailure
    ) -> FunctionLogLine.Words? {
        let milliseconds = System.twoDecimals(took, per: .milliseconds(1))
        let status = failure.isTimeout ? "timeout" : "error"
        guard identity.logsJSON else {
            var text =
                "INIT_REPORT Init Duration: \(milliseconds) ms\tPhase: \(phase)\tStatus: \(status)"
            if !failure.isTimeout { text += "\tError Type: \(failure.type)" }
            return .text(text)
        }
        return record("platform.initReport", .warn) { json in
            json.field("initializationType", initialization.rawValue)
            json.field("phase", phase)
            json.field("status", status)
            if !failure.isTimeout { json.field("errorType", failure.type) }
            Self.metrics(milliseconds, into: &json)
        }
    }

    /// The metrics of a phase of which only the duration is told.
    private static func metrics(_ milliseconds: String, into json: inout JSONWriter) {
        json.key("metrics")
        json.beginObject()
        json.key("durationMs")
        json.raw(milliseconds)
        json.endObject()
    }

    /// `START`.
    func start(_ requestID: String) -> FunctionLogLine.Words? {
        guard identity.logsJSON else { return .start(version: identity.versionText) }
        return record("platform.start", .info) { json in
            json.field("requestId", requestID)
            json.field("version", identity.versionText)
        }
    }

    /// `END`; JSON has no such record.
    var end: FunctionLogLine.Words? { identity.logsJSON ? nil : .end }

    /// How a phase or an invocation ended.
    struct Ending {
        var status = "success"
        var errorType: String?
    }

    /// `REPORT`.
    func report(_ requestID: String, _ report: InvocationReport) -> FunctionLogLine.Words? {
        guard identity.logsJSON else { return .report(report) }
        let level = report.status == "success" ? FunctionLogging.Level.info : .warn
        return record("platform.report", level) { json in
            json.field("requestId", requestID)
            Self.members(of: report, &json)
        }
    }

    /// What a record says of a report beside its request.
    static func members(of report: InvocationReport, _ json: inout JSONWriter) {
        json.field("status", report.status)
        if let type = report.errorType { json.field("errorType", type) }
        json.key("metrics")
        json.beginObject()
        json.key("durationMs")
        json.raw(InvocationReport.text(of: report.duration))
        json.field("billedDurationMs", report.billed)
        json.field("memorySizeMB", report.memory)
        json.field("maxMemoryUsedMB", report.usedMemory)
        if let loading = report.loading {
            json.key("initDurationMs")
            json.raw(InvocationReport.text(of: loading))
        }
        if let restoring = report.restoring {
            json.key("restoreDurationMs")
            json.raw(InvocationReport.text(of: restoring.whole))
            json.field("billedRestoreDurationMs", restoring.billedMilliseconds)
        }
        json.endObject()
    }

    /// `EXTENSION`, once for each extension when the init phase ends.
    func state(of member: ExtensionMember, _ state: String) -> FunctionLogLine.Words? {
        guard identity.logsJSON else {
            let events = member.eventNames.joined(separator: ",")
            return .text("EXTENSION\tName: \(member.name)\tState: \(state)\tEvents: [\(events)]")
        }
        return record("platform.extension", .info) { json in
            json.field("name", member.name)
            json.field("state", state)
            json.key("events")
            json.beginArray()
            for name in member.eventNames { json.string(name) }
            json.endArray()
        }
    }

    /// `TELEMETRY`, for each subscription.
    func subscription(
        of member: ExtensionMember,
        _ subscription: TelemetrySubscription
    ) -> FunctionLogLine.Words? {
        let types = subscription.categories.map(\.rawValue)
        guard identity.logsJSON else {
            let named = types.map { $0.prefix(1).uppercased() + $0.dropFirst() }
            return .text(
                "TELEMETRY\tName: \(member.name)\tState: Subscribed\tTypes: "
                    + "[\(named.joined(separator: ", "))]"
            )
        }
        return record("platform.telemetrySubscription", .info) { json in
            json.field("name", member.name)
            json.field("state", "Subscribed")
            json.key("types")
            json.beginArray()
            for type in types { json.string(type) }
            json.endArray()
        }
    }

    private func record(
        _ type: String,
        _ level: FunctionLogging.Level,
        _ fill: (inout JSONWriter) -> Void
    ) -> FunctionLogLine.Words? {
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
        return .text(String(decoding: json.bytes, as: UTF8.self))
    }
}
