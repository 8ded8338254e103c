package import DataPlane
import HTTP
import JSON
package import Model
import Synchronization

/// What every poller needs.
package struct SourceContext: Sendable {
    let client: ServiceClient
    let invoker: any FunctionInvoker
    /// The version (`name:version`) that a name and qualifier mean now.
    let resolve: @Sendable (String, String?) -> FunctionVersion?
    let deliver: @Sendable (Parcel, String) async -> ServiceFailure?
    let clock: any EventClock
    let log: @Sendable (String) -> Void

    /// Makes a context.
    package init(
        client: ServiceClient,
        invoker: any FunctionInvoker,
        resolve: @escaping @Sendable (String, String?) -> FunctionVersion?,
        deliver: @escaping @Sendable (Parcel, String) async -> ServiceFailure?,
        clock: any EventClock = SystemEventClock(),
        log: @escaping @Sendable (String) -> Void
    ) {
        self.client = client
        self.invoker = invoker
        self.resolve = resolve
        self.deliver = deliver
        self.clock = clock
        self.log = log
    }

    /// How long past a function's own timeout a call may take.
    private static let patience: Duration = .seconds(60)

    /// Calls a mapping's function with some records, `more` in the event beside them; gives the call's id and
    /// the version that ran.
    func invoke(
        _ mapping: EventSourceMapping,
        _ records: [SourceRecord],
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) async -> (result: InvocationResult, id: String, version: String) {
        let id = RequestIdentifier.make()
        guard let version = resolve(mapping.function, mapping.qualifier) else {
            return (.notFound(mapping.function), id, "$LATEST")
        }
        var invocation = Invocation(
            function: version.qualifiedName,
            payload: SourceRecord.event(of: records, more),
            requestID: id,
            limit: .seconds(version.timeout) + Self.patience,
            maximumResponse: Invocation.largestResponse
        )
        invocation.arn = FunctionARN(name: mapping.function, qualifier: mapping.qualifier).text
        invocation.traceID =
            records.lazy.compactMap {
                $0.event["attributes"]?["AWSTraceHeader"]?.string
            }.first
        invocation.route = "event source " + mapping.uuid
        return (await invoker.invoke(invocation), id, version.versionText)
    }
}

/// The states of all mappings, which the API reads while pollers write.
final class SourceStates: Sendable {
    private let all = Mutex<[String: SourceStatus]>([:])

    var current: [String: SourceStatus] { all.withLock { $0 } }

    func change(_ uuid: String, _ body: (inout SourceStatus) -> Void) {
        all.withLock { body(&$0[uuid, default: SourceStatus()]) }
    }

    func forget(_ uuid: String) { all.withLock { $0[uuid] = nil } }
}
