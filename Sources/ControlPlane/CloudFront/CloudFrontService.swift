import JSON
import Model
import Registry

/// The CloudFront API: distributions, policies, keys, functions, key-value stores and invalidations.
final class CloudFrontService: APIService {
    /// The largest request, in bytes.
    static let maximumRequest = 4 << 20
    /// Entries of a page when the call does not say.
    ///
    /// Source: CloudFront API, "ListDistributions".
    static let pageSize = 100

    let ledger: Ledger
    /// Makes the edges forget what paths of a distribution name.
    let invalidate: @Sendable (_ distribution: String, _ paths: [String]) async -> Void
    /// Runs a stage of a function with an event, outside every request.
    let test: FunctionTest.Runner
    /// Whether the reference of a distribution can be used once only, even with equal settings.
    let refusesEqualReference: Bool
    /// When this node began; what templates brought in carries it as its date.
    let started = Timestamp.now()

    init(
        ledger: Ledger,
        invalidate: @escaping @Sendable (String, [String]) async -> Void,
        test: @escaping FunctionTest.Runner,
        refusesEqualReference: Bool
    ) {
        self.ledger = ledger
        self.invalidate = invalidate
        self.test = test
        self.refusesEqualReference = refusesEqualReference
    }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        if let reply = try await performDistribution(call) { return reply }
        if let reply = try await performPolicy(call) { return reply }
        if let reply = try await performFunction(call) { return reply }
        if let reply = try await performConnectionFunction(call) { return reply }
        if let reply = try await performStore(call) { return reply }
        if let reply = try await performTrustStore(call) { return reply }
        if let reply = try await performRealTimeLog(call) { return reply }
        if let reply = try await performList(call) { return reply }
        throw Self.unsupported(call.operation.name)
    }

    /// What the operations are about that are not here.
    private static let absentSubjects = [
        "DistributionTenant", "ConnectionGroup", "AnycastIp", "VpcOrigin", "FieldLevelEncryption",
        "StreamingDistribution", "MonitoringSubscription", "ResourcePolicy", "ManagedCertificate",
        "DomainConflicts", "DomainAssociation", "VerifyDns", "DistributionWebACL",
        "ByOwnedResource", "ByConnectionMode",
    ]

    func absence(of operation: String) -> APIError? {
        Self.absentSubjects.contains(where: operation.contains)
            ? Self.unsupported(operation) : nil
    }

    private static func unsupported(_ operation: String) -> APIError {
        error("UnsupportedOperation", "\(operation) is not supported here.")
    }

    private func performDistribution(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateDistribution", "CreateDistributionWithTags":
            return try await createDistribution(call)
        case "GetDistribution": return try await getDistribution(call)
        case "GetDistributionConfig": return try await getDistributionConfig(call)
        case "UpdateDistribution": return try await updateDistribution(call)
        case "DeleteDistribution": return try await deleteDistribution(call)
        case "ListDistributions": return try await listDistributions(call)
        case "CreateInvalidation": return try await createInvalidation(call)
        case "GetInvalidation": return try await getInvalidation(call)
        case "ListInvalidations": return try await listInvalidations(call)
        case "TagResource", "UntagResource", "ListTagsForResource": return try await tags(call)
        case "ListConflictingAliases": return try await listConflictingAliases(call)
        case "AssociateAlias": return try await associateAlias(call)
        case "CopyDistribution": return try await copyDistribution(call)
        case "UpdateDistributionWithStagingConfig": return try await promoteStaging(call)
        default: return nil
        }
    }

    private func performPolicy(_ call: APICall) async throws(APIError) -> APIReply? {
        let name = call.operation.name
        guard let kind = PolicyKind.all.first(where: { $0.operations.contains(name) }) else {
            return nil
        }
        switch name {
        case "Create" + kind.name: return try await create(kind, call)
        case "Get" + kind.name: return try await get(kind, call, configOnly: false)
        case "Get" + kind.name + "Config": return try await get(kind, call, configOnly: true)
        case "Update" + kind.name: return try await update(kind, call)
        case "Delete" + kind.name: return try await delete(kind, call)
        default: return try await list(kind, call)
        }
    }

    private func performFunction(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateFunction": try await createFunction(call)
        case "DescribeFunction": try await describeFunction(call)
        case "GetFunction": try await getFunction(call)
        case "UpdateFunction": try await updateFunction(call)
        case "PublishFunction": try await publishFunction(call)
        case "DeleteFunction": try await deleteFunction(call)
        case "ListFunctions": try await listFunctions(call)
        case "TestFunction": try await testFunction(call)
        default: nil
        }
    }

    private func performStore(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateKeyValueStore": try await createStore(call)
        case "DescribeKeyValueStore": try await describeStore(call)
        case "UpdateKeyValueStore": try await updateStore(call)
        case "DeleteKeyValueStore": try await deleteStore(call)
        case "ListKeyValueStores": try await listStores(call)
        default: nil
        }
    }

    // MARK: Errors and versions

    /// An error of the model with its status.
    static func error(_ code: String, _ message: String) -> APIError {
        APIError(ServiceModel.cloudFront.exception(code)?.error?.status ?? 400, code, message)
    }

    static func argument(_ message: String) -> APIError { error("InvalidArgument", message) }

    /// A new version of a resource, as `If-Match` wants it.
    static func makeETag() -> String {
        "E" + Ledger.random(13, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    }

    /// Checks the version that a change is based on.
    static func checkMatch(_ call: APICall, _ current: String) throws(APIError) {
        let given = call.text("IfMatch").filter { $0 != "\"" }
        if given == current { return }
        let isKnownForm =
            given.hasPrefix("E") && (13...14).contains(given.count)
            && given.allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) }
        guard isKnownForm else {
            throw error(
                "InvalidIfMatchVersion",
                "The If-Match version is missing or not valid for the resource."
            )
        }
        throw error(
            "PreconditionFailed",
            "The request failed because it didn't meet the preconditions in one or more "
                + "request-header fields."
        )
    }

    static func location(_ path: String) -> JSONValue {
        .string("https://cloudfront.amazonaws.com/2020-05-31/\(path)")
    }

    static func arn(_ kind: String, _ id: String) -> String {
        "arn:aws:cloudfront::\(FunctionARN.account):\(kind)/\(id)"
    }

    // MARK: Lists

    /// A list in the API's form; an empty one has no items.
    static func list(_ items: [JSONValue]) -> JSONValue {
        var members = JSONObject()
        members["Quantity"] = .integer(items.count)
        if !items.isEmpty { members["Items"] = .array(items) }
        return .object(members)
    }

    /// A page of entries that are in ascending order of their keys.
    static func page(
        _ entries: [(key: String, value: JSONValue)],
        _ call: APICall
    ) throws(APIError) -> JSONValue {
        let marker = call["Marker"]?.string ?? ""
        let given = call["MaxItems"].map { $0.int ?? Int($0.string ?? "") ?? -1 } ?? pageSize
        guard (1...1000).contains(given) else {
            throw argument("The parameter MaxItems is not valid.")
        }
        let paging = Paging(marker: marker.isEmpty ? nil : marker, limit: given)
        let (items, next) = paging.page(entries)
        var members = list(items).object ?? JSONObject()
        members["Marker"] = .string(marker)
        members["MaxItems"] = .integer(given)
        members["IsTruncated"] = .bool(next != nil)
        members["NextMarker"] = next.map(JSONValue.string)
        return .object(members)
    }
}
