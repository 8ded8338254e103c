import JSON
import Model
import Registry

/// What infrastructure tools read beside the functions themselves.
extension LambdaService {
    func performTail(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "GetAccountSettings": return try await accountSettings()
        case "GetRuntimeManagementConfig", "PutRuntimeManagementConfig":
            return try await runtimeManagement(call)
        case "GetFunctionRecursionConfig", "PutFunctionRecursionConfig":
            return try await recursion(call)
        case "GetFunctionCodeSigningConfig", "PutFunctionCodeSigningConfig",
            "DeleteFunctionCodeSigningConfig":
            return try await functionSigning(call)
        case "ListCodeSigningConfigs": return APIReply(["CodeSigningConfigs": []])
        case "GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig",
            "ListFunctionsByCodeSigningConfig":
            let arn = call.text("CodeSigningConfigArn")
            throw .missing("The Lambda code signing configuration \(arn) can not be found.")
        case "ListEventSourceMappings": return APIReply(["EventSourceMappings": []])
        case "GetEventSourceMapping":
            throw .missing("The resource you requested does not exist.")
        case "ListCapacityProviders": return APIReply(["CapacityProviders": []])
        default: return nil
        }
    }

    /// No function has a code signing configuration, as there are none.
    private func functionSigning(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try record(try reference(call, in: snapshot), in: snapshot)
        switch call.operation.name {
        case "PutFunctionCodeSigningConfig": throw .noSigning(call.text("CodeSigningConfigArn"))
        case "DeleteFunctionCodeSigningConfig": return .empty(204)
        default:
            return APIReply([
                "CodeSigningConfigArn": "", "FunctionName": .string(record.name),
            ])
        }
    }

    private func accountSettings() async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let reserved = snapshot.functionSettings.values
            .reduce(0) { $0 + ($1.reservedConcurrency ?? 0) }
        let names = Set(snapshot.functions.values.map(\.name))
        return APIReply([
            "AccountLimit": [
                "TotalCodeSize": .integer(codeStorage), "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": .integer(CodeStore.maximumArchive),
                "ConcurrentExecutions": .integer(Self.accountConcurrency),
                "UnreservedConcurrentExecutions": .integer(Self.accountConcurrency - reserved),
            ],
            "AccountUsage": [
                "TotalCodeSize": .integer(codeInUse(snapshot)),
                "FunctionCount": .integer(names.count),
            ],
        ])
    }

    private func runtimeManagement(_ call: APICall) async throws(APIError) -> APIReply {
        try await setting(call, "runtime-management", put: "PutRuntimeManagementConfig") {
            given,
            arn throws(APIError) in
            let mode = given?["UpdateRuntimeOn"]?.string ?? "Auto"
            guard mode != "Manual" || given?["RuntimeVersionArn"] != nil else {
                throw .invalid(
                    "RuntimeVersionArn must be specified when UpdateRuntimeOn is set to Manual."
                )
            }
            var members = JSONObject()
            members["UpdateRuntimeOn"] = .string(mode)
            members["RuntimeVersionArn"] = given?["RuntimeVersionArn"]
            members["FunctionArn"] = .string(arn)
            return members
        }
    }

    private func recursion(_ call: APICall) async throws(APIError) -> APIReply {
        try await setting(call, "recursion", put: "PutFunctionRecursionConfig") { given, _ in
            var members = JSONObject()
            members["RecursiveLoop"] = given?["RecursiveLoop"] ?? "Terminate"
            return members
        }
    }

    /// A small setting of a function: kept by its Put operation, shown by both.
    private func setting(
        _ call: APICall,
        _ section: String,
        put: String,
        _ shape: @Sendable (JSONValue?, String) throws(APIError) -> JSONObject
    ) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let reference = try reference(call, in: snapshot)
        let key = reference.qualifier ?? "$LATEST"
        guard call.operation.name == put else {
            let record = try find(reference, in: snapshot).record
            return APIReply(.object(try shape(record[section, key], reference.arn)))
        }
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try find(reference, in: draft.snapshot).record
            let members = try shape(call.input, reference.arn)
            record[section, key] = .object(members)
            record.save(to: &draft)
            return APIReply(.object(members))
        }
    }
}
