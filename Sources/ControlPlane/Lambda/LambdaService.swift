import DataPlane
import Executor
import JSON
import Model
import Registry

/// The Lambda API: functions, versions, aliases, their settings and their invocation.
final class LambdaService: APIService {
    /// The largest payload of a synchronous call, in bytes.
    static let maximumPayload = 6_291_456
    /// The largest payload of an asynchronous call, in bytes.
    static let maximumEventPayload = 1_048_576
    /// The largest management request, in bytes.
    static let maximumRequest = 70_167_211
    /// The most entries of a page of functions, versions or aliases.
    static let pageSize = 50

    let ledger: Ledger
    let code: CodeStore
    let invoker: any FunctionInvoker
    let tails: LogTails
    /// The port that viewers reach over HTTPS.
    let httpsPort: Int
    /// How much code all versions of functions and layers may be.
    ///
    /// Unit: bytes.
    let codeStorage: Int
    /// When this node began; functions of templates carry it as their date.
    let started = Timestamp.now()
    /// What is known of the work of each event source mapping, by UUID.
    let sources: @Sendable () -> [String: SourceStatus]
    /// How the snapshot of a version (`name:version`) fares; nil when nothing is known of one.
    let snapshots: @Sendable (String) -> SnapshotStatus?
    private let logicalIDs: @Sendable (String) -> String?

    init(
        ledger: Ledger,
        invoker: any FunctionInvoker,
        tails: LogTails,
        httpsPort: Int,
        codeStorage: Int = LambdaService.defaultCodeStorage,
        sources: @escaping @Sendable () -> [String: SourceStatus],
        snapshots: @escaping @Sendable (String) -> SnapshotStatus?,
        logicalIDs: @escaping @Sendable (String) -> String?
    ) {
        self.ledger = ledger
        self.invoker = invoker
        self.tails = tails
        self.httpsPort = httpsPort
        self.codeStorage = codeStorage
        self.sources = sources
        self.snapshots = snapshots
        self.logicalIDs = logicalIDs
        code = CodeStore(ledger: ledger)
    }

    /// Operations that the next call may rely on.
    private static let changing: Set<String> = [
        "PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig", "AddPermission", "RemovePermission",
        "PutFunctionConcurrency", "DeleteFunctionConcurrency",
    ]

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        let reply = try await answer(call)
        if Self.changing.contains(call.operation.name) { await ledger.settleLatest() }
        return reply
    }

    private func answer(_ call: APICall) async throws(APIError) -> APIReply {
        if !call.operation.name.hasPrefix("Invoke") { try await code.learnSizes() }
        if let reply = try await performFunction(call) { return reply }
        if let reply = try await performVersion(call) { return reply }
        if let reply = try await performPolicy(call) { return reply }
        if let reply = try await performSettings(call) { return reply }
        if let reply = try await performEndpoint(call) { return reply }
        if let reply = try await performLayer(call) { return reply }
        if let reply = try await performTail(call) { return reply }
        throw .invalid("\(call.operation.name) is not supported here.")
    }

    private func performFunction(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateFunction": try await createFunction(call)
        case "GetFunction": try await getFunction(call)
        case "GetFunctionConfiguration": try await getFunctionConfiguration(call)
        case "ListFunctions": try await listFunctions(call)
        case "UpdateFunctionCode": try await updateFunctionCode(call)
        case "UpdateFunctionConfiguration": try await updateFunctionConfiguration(call)
        case "DeleteFunction": try await deleteFunction(call)
        case "Invoke": try await invoke(call)
        case "InvokeAsync": try await invokeAsync(call)
        case "InvokeWithResponseStream": try await invokeWithResponseStream(call)
        default: nil
        }
    }

    private func performVersion(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "PublishVersion": try await publishVersion(call)
        case "ListVersionsByFunction": try await listVersions(call)
        case "CreateAlias": try await createAlias(call)
        case "UpdateAlias": try await updateAlias(call)
        case "GetAlias": try await getAlias(call)
        case "DeleteAlias": try await deleteAlias(call)
        case "ListAliases": try await listAliases(call)
        default: nil
        }
    }

    private func performPolicy(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "AddPermission": try await addPermission(call)
        case "RemovePermission": try await removePermission(call)
        case "GetPolicy": try await getPolicy(call)
        case "TagResource": try await tagResource(call)
        case "UntagResource": try await untagResource(call)
        case "ListTags": try await listTags(call)
        default: nil
        }
    }

    private func performSettings(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "PutFunctionConcurrency": try await putConcurrency(call)
        case "GetFunctionConcurrency": try await getConcurrency(call)
        case "DeleteFunctionConcurrency": try await deleteConcurrency(call)
        case "PutProvisionedConcurrencyConfig": try await putProvisioned(call)
        case "GetProvisionedConcurrencyConfig": try await getProvisioned(call)
        case "DeleteProvisionedConcurrencyConfig": try await deleteProvisioned(call)
        case "ListProvisionedConcurrencyConfigs": try await listProvisioned(call)
        case "PutFunctionEventInvokeConfig": try await putEventConfig(call, replaces: true)
        case "UpdateFunctionEventInvokeConfig": try await putEventConfig(call, replaces: false)
        case "GetFunctionEventInvokeConfig": try await getEventConfig(call)
        case "DeleteFunctionEventInvokeConfig": try await deleteEventConfig(call)
        case "ListFunctionEventInvokeConfigs": try await listEventConfigs(call)
        default: nil
        }
    }

    private func performEndpoint(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateFunctionUrlConfig": try await createURL(call)
        case "UpdateFunctionUrlConfig": try await updateURL(call)
        case "GetFunctionUrlConfig": try await getURL(call)
        case "DeleteFunctionUrlConfig": try await deleteURL(call)
        case "ListFunctionUrlConfigs": try await listURLs(call)
        case "CreateEventSourceMapping": try await createMapping(call)
        case "UpdateEventSourceMapping": try await updateMapping(call)
        case "GetEventSourceMapping": try await getMapping(call)
        case "DeleteEventSourceMapping": try await deleteMapping(call)
        case "ListEventSourceMappings": try await listMappings(call)
        default: nil
        }
    }

    private func performLayer(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "PublishLayerVersion": try await publishLayer(call)
        case "GetLayerVersion": try await getLayer(call)
        case "GetLayerVersionByArn": try await getLayerByARN(call)
        case "DeleteLayerVersion": try await deleteLayer(call)
        case "ListLayerVersions": try await listLayerVersions(call)
        case "ListLayers": try await listLayers(call)
        case "AddLayerVersionPermission": try await addLayerPermission(call)
        case "RemoveLayerVersionPermission": try await removeLayerPermission(call)
        case "GetLayerVersionPolicy": try await getLayerPolicy(call)
        default: nil
        }
    }

    // MARK: Functions by reference

    /// The function that a call names; a template's logical id serves as a name where it is no name.
    func reference(_ call: APICall, in snapshot: Snapshot) throws(APIError) -> FunctionReference {
        var reference = try FunctionReference(
            call.text("FunctionName"),
            qualifier: call["Qualifier"]?.string
        )
        if snapshot.resolve(function: reference.name) == nil,
            let name = logicalIDs(reference.name)
        {
            reference.name = name
        }
        return reference
    }

    func record(_ name: String, in snapshot: Snapshot) -> FunctionRecord? {
        FunctionRecord(name, in: snapshot, created: started)
    }

    /// The record of a function that must be there.
    func record(
        _ reference: FunctionReference,
        in snapshot: Snapshot
    ) throws(APIError) -> FunctionRecord {
        guard let record = record(reference.name, in: snapshot) else {
            throw .functionNotFound(reference.arn)
        }
        return record
    }

    /// A version of a function with its configuration, found by qualifier.
    struct Found {
        var record: FunctionRecord
        var version: Int
        var configuration: JSONObject
    }

    /// What a reference means, or AWS's error.
    func find(
        _ reference: FunctionReference,
        in snapshot: Snapshot
    ) throws(APIError) -> Found {
        let record = try record(reference, in: snapshot)
        let version: Int?
        switch reference.qualifier {
        case nil, "$LATEST": version = FunctionVersion.latest
        case let qualifier?:
            version =
                Int(qualifier) ?? snapshot.aliases["\(reference.name):\(qualifier)"]?.version
        }
        guard let version, let configuration = record.configuration(version) else {
            throw .functionNotFound(reference.arn)
        }
        return Found(record: record, version: version, configuration: configuration)
    }

    /// How the configuration of a version is shown to a reader now.
    func view(
        _ configuration: JSONObject,
        of name: String,
        _ version: Int
    ) -> FunctionConfiguration.View {
        guard SnapStartSetting.isOn(configuration, version) else {
            return .read(isEverywhere: isEverywhere(configuration))
        }
        guard isEverywhere(configuration) else { return .snapshot(.preparing) }
        return .snapshot(snapshots("\(name):\(version)") ?? .ready)
    }

    func isEverywhere(_ configuration: JSONObject) -> Bool {
        ledger.isEverywhere(configuration["Revision"]?.int ?? 0)
    }

    /// The page that a call asks for.
    static func paging(_ call: APICall, limit: Int = pageSize) throws(APIError) -> Paging {
        var key: String?
        if let marker = call["Marker"]?.string, !marker.isEmpty {
            key = Paging.decode(marker)
            guard key != nil else { throw .invalid("The marker \(marker) is not valid.") }
        }
        return Paging(marker: key, limit: min(limit, call["MaxItems"]?.int ?? limit))
    }
}
