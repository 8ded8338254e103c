import JSON
import Model

/// The platform's own events as subscribers get them.
///
/// Source: "Lambda Telemetry API Event schema reference".
struct PlatformEvents {
    let telemetry: TelemetryDesk
    let identity: FunctionIdentity
    let initialization: InitializationType
    /// Names the environment; the same in all of its events.
    let instance: String

    typealias Ending = PlatformLog.Ending

    func initStart(phase: String) {
        telemetry.publish("platform.initStart") { json in
            start(&json, phase)
            json.field("runtimeVersion", identity.version.runtime)
            json.field("runtimeVersionArn", "arn:aws:lambda:\(identity.region)::runtime:portico")
            json.field("functionName", identity.name)
            json.field("functionVersion", identity.versionText)
            json.field("instanceId", instance)
            json.field("instanceMaxMemory", identity.version.memory << 20)
        }
    }

    func initRuntimeDone(phase: String, _ ending: Ending) {
        telemetry.publish("platform.initRuntimeDone") { json in
            start(&json, phase)
            finish(&json, ending)
        }
    }

    func initReport(phase: String, _ ending: Ending, _ duration: Duration) {
        telemetry.publish("platform.initReport") { json in
            start(&json, phase)
            finish(&json, ending)
            json.key("metrics")
            json.beginObject()
            json.key("durationMs")
            json.raw(System.twoDecimals(duration, per: .milliseconds(1)))
            json.endObject()
        }
    }

    private func start(_ json: inout JSONWriter, _ phase: String) {
        json.field("initializationType", initialization.rawValue)
        json.field("phase", phase)
    }

    private func finish(_ json: inout JSONWriter, _ ending: Ending) {
        json.field("status", ending.status)
        if let type = ending.errorType { json.field("errorType", type) }
    }

    func start(_ requestID: String, trace: String) {
        telemetry.publish("platform.start") { json in
            json.field("requestId", requestID)
            json.field("version", identity.versionText)
            tracing(&json, trace)
        }
    }

    /// The runtime has answered; `bytes` counts the answer.
    func runtimeDone(
        _ requestID: String,
        _ ending: Ending,
        _ duration: Duration,
        bytes: Int,
        trace: String
    ) {
        telemetry.publish("platform.runtimeDone") { json in
            json.field("requestId", requestID)
            finish(&json, ending)
            let took = System.twoDecimals(duration, per: .milliseconds(1))
            json.key("metrics")
            json.beginObject()
            json.key("durationMs")
            json.raw(took)
            json.field("producedBytes", bytes)
            json.endObject()
            json.key("spans")
            json.beginArray()
            json.beginObject()
            json.field("name", "responseLatency")
            let began = System.milliseconds - Int64(duration / .milliseconds(1))
            json.field("start", System.timestamp(began))
            json.key("durationMs")
            json.raw(took)
            json.endObject()
            json.endArray()
            tracing(&json, trace)
        }
    }

    func report(_ requestID: String, _ report: InvocationReport) {
        telemetry.publish("platform.report") { json in
            json.field("requestId", requestID)
            PlatformLog.members(of: report, &json)
        }
    }

    func extensionState(_ member: ExtensionMember, _ state: String, error: String? = nil) {
        telemetry.publish("platform.extension") { json in
            json.field("name", member.name)
            json.field("state", state)
            json.key("events")
            json.beginArray()
            for name in member.eventNames { json.string(name) }
            json.endArray()
            if let error { json.field("errorType", error) }
        }
    }

    func subscribed(_ member: ExtensionMember, _ subscription: TelemetrySubscription) {
        telemetry.publish("platform.telemetrySubscription") { json in
            json.field("name", member.name)
            json.field("state", "Subscribed")
            json.key("types")
            json.beginArray()
            for category in subscription.categories { json.string(category.rawValue) }
            json.endArray()
        }
    }

    private func tracing(_ json: inout JSONWriter, _ value: String) {
        guard !value.isEmpty else { return }
        json.key("tracing")
        json.beginObject()
        json.field("type", "X-Amzn-Trace-Id")
        json.field("value", value)
        json.endObject()
    }
}
