import Executor
import JSON
import Model
import Registry

/// What polls sources of events for functions.
extension LambdaService {
    /// The most entries of a page of mappings.
    private static let mappingPage = 100

    private static func document(
        _ uuid: String,
        in snapshot: Snapshot
    ) throws(APIError) -> MappingDocument {
        guard let kept = snapshot.record("\(MappingDocument.kind)/\(uuid)") else {
            throw .missing("The resource you requested does not exist.")
        }
        return MappingDocument(kept: kept)
    }

    /// The ARN of the function that a call names, which must be there.
    private func target(_ call: APICall, in snapshot: Snapshot) throws(APIError) -> String {
        let reference = try reference(call, in: snapshot)
        guard (try? find(reference, in: snapshot)) != nil else {
            throw .invalid("Function does not exist")
        }
        return reference.arn
    }

    func createMapping(_ call: APICall) async throws(APIError) -> APIReply {
        let uuid = Ledger.uuid()
        return try await ledger.change { [self] draft throws(APIError) in
            guard call["EventSourceArn"] != nil || call["SelfManagedEventSource"] != nil else {
                throw .invalid("Unrecognized event source.")
            }
            let function = try target(call, in: draft.snapshot)
            var document = try Self.checked { () throws(MappingDocument.Refusal) in
                try MappingDocument(
                    call.input,
                    uuid: uuid,
                    functionARN: function,
                    now: Timestamp.json(Timestamp.now())
                )
            }
            try Self.checkUnique(document, in: draft.snapshot)
            if let tags = call["Tags"]?.object {
                try Self.check(tags: tags)
                document.note("Tags", .object(tags))
            }
            return reply(&document, "Creating", &draft)
        }
    }

    func updateMapping(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var document = try Self.document(call.text("UUID"), in: draft.snapshot)
            let wasEnabled = document.isEnabled
            if call["FunctionName"] != nil {
                document.retarget(try target(call, in: draft.snapshot))
                try Self.checkUnique(document, in: draft.snapshot)
            }
            document = try Self.checked { [document] () throws(MappingDocument.Refusal) in
                var changed = document
                try changed.apply(call.input, now: Timestamp.json(Timestamp.now()))
                return changed
            }
            let state =
                wasEnabled == document.isEnabled
                ? "Updating" : document.isEnabled ? "Enabling" : "Disabling"
            return reply(&document, state, &draft)
        }
    }

    func getMapping(_ call: APICall) async throws(APIError) -> APIReply {
        let document = try Self.document(call.text("UUID"), in: try await ledger.snapshot())
        return APIReply(shown(document))
    }

    func deleteMapping(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let document = try Self.document(call.text("UUID"), in: draft.snapshot)
            draft.delete(document.resource)
            return APIReply(shown(document, state: "Deleting"), status: 202)
        }
    }

    func listMappings(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let source = call["EventSourceArn"]?.string
        var function: String?
        if call["FunctionName"] != nil { function = try reference(call, in: snapshot).arn }
        let found = snapshot.records(of: MappingDocument.kind).map { entry in
            (key: entry.id, value: MappingDocument(kept: entry.document))
        }.filter { _, document in
            (source == nil || document.sourceARN == source)
                && (function == nil || document.functionARN == function)
        }
        let (page, next) = try Self.paging(call, limit: Self.mappingPage).page(found)
        var output = JSONObject()
        output["EventSourceMappings"] = .array(page.map { shown($0) })
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    // MARK: Shapes

    /// Keeps a document and shows it in the state of the call.
    private func reply(
        _ document: inout MappingDocument,
        _ state: String,
        _ draft: inout Draft
    ) -> APIReply {
        document.note("Transition", .string(state))
        document.note("Revision", .integer(draft.revision))
        draft.put(document.resource)
        return APIReply(shown(document, state: state), status: 202)
    }

    /// A mapping as the API shows it; its change is under way until every edge has it.
    private func shown(_ document: MappingDocument, state: String? = nil) -> JSONValue {
        var members = document.members
        let isSettled = isEverywhere(members)
        let settled = document.isEnabled ? "Enabled" : "Disabled"
        let transition = members["Transition"]?.string ?? settled
        members["State"] = .string(state ?? (isSettled ? settled : transition))
        members["StateTransitionReason"] = document.isQueue ? "USER_INITIATED" : "User action"
        if !document.isQueue {
            let status = sources()[document.uuid]
            members["LastProcessingResult"] = .string(
                status?.lastResult ?? "No records processed"
            )
        }
        for name in ["Enabled", "Transition", "Revision", "Tags"] { members[name] = nil }
        return .object(members)
    }

    private static func checked<Value>(
        _ body: () throws(MappingDocument.Refusal) -> Value
    ) throws(APIError) -> Value {
        do throws(MappingDocument.Refusal) { return try body() } catch {
            throw .invalid(error.message)
        }
    }

    private static func checkUnique(
        _ document: MappingDocument,
        in snapshot: Snapshot
    ) throws(APIError) {
        let name = FunctionARN(document.functionARN)?.name ?? ""
        for entry in snapshot.records(of: MappingDocument.kind) where entry.id != document.uuid {
            let other = MappingDocument(kept: entry.document)
            guard other.sourceARN == document.sourceARN,
                FunctionARN(other.functionARN)?.name == name
            else { continue }
            let end =
                "Please update or delete the existing mapping with UUID \(entry.id)"
            throw .conflict(
                document.isQueue
                    ? "An event source mapping with SQS arn (\" \(document.sourceARN) \") and "
                        + "function (\" \(name) \") already exists. \(end)"
                    : "The event source arn (\" \(document.sourceARN) \") and function (\" \(name) "
                        + "\") provided mapping already exists. \(end)"
            )
        }
    }
}
