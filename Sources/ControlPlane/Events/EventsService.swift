import Executor
import JSON
import Model
import Registry

/// The EventBridge API: buses, rules, targets and events.
final class EventsService: APIService {
    /// The most bytes of all entries of one request.
    ///
    /// Source: Amazon EventBridge API, "PutEvents": 256 KB.
    private static let maximumEntries = 262_144
    /// The most entries of a page.
    static let pageSize = 100

    let ledger: Ledger
    private let bus: EventBus?

    init(ledger: Ledger, bus: EventBus?) {
        self.ledger = ledger
        self.bus = bus
    }

    /// Operations after which events are matched with what they have changed.
    private static let changing: Set<String> = [
        "PutRule", "EnableRule", "DisableRule", "DeleteRule", "PutTargets", "RemoveTargets",
        "CreateEventBus", "DeleteEventBus",
    ]

    func speaksOfAccounts(in operation: String) -> Bool { operation != "PutEvents" }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        let reply = try await answer(call)
        if Self.changing.contains(call.operation.name) { await ledger.settleLatest() }
        return reply
    }

    private func answer(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "PutRule": try await putRule(call)
        case "DescribeRule": try await describeRule(call)
        case "ListRules": try await listRules(call)
        case "EnableRule": try await setState(call, "ENABLED")
        case "DisableRule": try await setState(call, "DISABLED")
        case "DeleteRule": try await deleteRule(call)
        case "PutTargets": try await putTargets(call)
        case "RemoveTargets": try await removeTargets(call)
        case "ListTargetsByRule": try await listTargets(call)
        case "ListRuleNamesByTarget": try await listNames(call)
        case "TagResource": try await tag(call)
        case "UntagResource": try await untag(call)
        case "ListTagsForResource": try await listTags(call)
        case "PutEvents": try await putEvents(call)
        case "TestEventPattern": try testPattern(call)
        case "CreateEventBus": try await createBus(call)
        case "DescribeEventBus": try await describeBus(call)
        case "ListEventBuses": try await listBuses(call)
        case "DeleteEventBus": try await deleteBus(call)
        default:
            throw APIError(
                400,
                "UnknownOperationException",
                "\(call.operation.name) is not supported here."
            )
        }
    }

    // MARK: Events

    private func putEvents(_ call: APICall) async throws(APIError) -> APIReply {
        guard let bus else {
            throw APIError(400, "InternalException", "This node has no event bus.")
        }
        let entries = call["Entries"]?.array ?? []
        guard entries.reduce(0, { $0 + $1.text.utf8.count }) <= Self.maximumEntries else {
            throw APIError(
                400,
                "ValidationException",
                "Total size of the entries in the request is over the limit."
            )
        }
        let snapshot = try await ledger.snapshot()
        // Whoever has made a rule finds it at work, though the bus hears of changes by itself a moment later.
        if await bus.isBehind(snapshot.revision) {
            await bus.follow(BusRule.all(of: snapshot), of: snapshot.revision)
        }
        var answers: [JSONValue] = []
        var failures = 0
        for entry in entries {
            let answer = await put(entry, to: bus, snapshot)
            if answer["EventId"] == nil { failures += 1 }
            answers.append(answer)
        }
        return APIReply(["FailedEntryCount": .integer(failures), "Entries": .array(answers)])
    }

    private func put(
        _ entry: JSONValue,
        to bus: EventBus,
        _ snapshot: Snapshot
    ) async -> JSONValue {
        func refused(_ code: String, _ message: String) -> JSONValue {
            ["ErrorCode": .string(code), "ErrorMessage": .string(message)]
        }
        for name in ["Source", "DetailType", "Detail"] where entry[name]?.string ?? "" == "" {
            return refused(
                "InvalidArgument",
                "Parameter \(name) is not valid. Reason: \(name) is a required argument."
            )
        }
        let source = entry["Source"]?.string ?? ""
        if source.hasPrefix("aws.") {
            return refused("NotAuthorizedForSource", "Not authorized for the source.")
        }
        let detail = entry["Detail"]?.string ?? ""
        guard (try? JSONValue.parse(detail))?.object != nil else {
            return refused("MalformedDetail", "Detail is malformed.")
        }
        let name = RuleDocument.busName(entry["EventBusName"]?.string)
        guard has(bus: name, in: snapshot) else {
            // AWS takes such an event and no rule sees it.
            return ["EventId": .string(Ledger.uuid())]
        }
        let event = BusEvent(
            bus: name,
            source: source,
            detailType: entry["DetailType"]?.string ?? "",
            resources: (entry["Resources"]?.array ?? []).compactMap(\.string),
            detail: detail
        )
        let time = entry["Time"]?.double.map { Int64($0) }
        guard let id = await bus.put(event, time: time) else {
            return refused("ThrottlingException", "Rate exceeded")
        }
        return ["EventId": .string(id)]
    }

    private func testPattern(_ call: APICall) throws(APIError) -> APIReply {
        guard let event = try? JSONValue.parse(call.text("Event")), event.object != nil else {
            throw APIError(
                400,
                "ValidationException",
                "Parameter Event is not valid. Reason: Event is not valid JSON."
            )
        }
        do throws(EventPattern.Invalid) {
            let pattern = try EventPattern(call.text("EventPattern"))
            return APIReply(["Result": .bool(pattern.matches(event))])
        } catch {
            throw .refused(RuleDocument.invalidPattern(error.reason))
        }
    }

    // MARK: Buses

    private static let busKind = "events/bus"

    func has(bus: String, in snapshot: Snapshot) -> Bool {
        bus == "default" || snapshot.records["\(Self.busKind)/\(bus)"] != nil
    }

    private static func arn(ofBus name: String) -> String {
        "arn:aws:events:us-east-1:\(FunctionARN.account):event-bus/\(name)"
    }

    static func missingBus(_ name: String) -> APIError {
        APIError(400, "ResourceNotFoundException", "Event bus \(name) does not exist.")
    }

    private func createBus(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.text("Name")
        for member in ["EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"]
        where call[member] != nil {
            throw APIError(400, "ValidationException", "\(member) is not supported here.")
        }
        return try await ledger.change { [self] draft throws(APIError) in
            guard !has(bus: name, in: draft.snapshot) else {
                throw APIError(
                    400,
                    "ResourceAlreadyExistsException",
                    "Event bus \(name) already exists."
                )
            }
            var document = JSONObject()
            document["Name"] = .string(name)
            document["Arn"] = .string(Self.arn(ofBus: name))
            document["Description"] = call["Description"]
            document["CreationTime"] = Timestamp.json(Timestamp.now())
            draft.setRecord("\(Self.busKind)/\(name)", document)
            return APIReply([
                "EventBusArn": .string(Self.arn(ofBus: name)),
                "Description": call["Description"] ?? .null,
            ])
        }
    }

    private func shown(bus name: String, in snapshot: Snapshot) throws(APIError) -> JSONValue {
        if let document = snapshot.record("\(Self.busKind)/\(name)") { return .object(document) }
        guard name == "default" else { throw Self.missingBus(name) }
        return ["Name": "default", "Arn": .string(Self.arn(ofBus: name))]
    }

    private func describeBus(_ call: APICall) async throws(APIError) -> APIReply {
        let name = RuleDocument.busName(call["Name"]?.string)
        return APIReply(try shown(bus: name, in: try await ledger.snapshot()))
    }

    private func listBuses(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let names = ["default"] + snapshot.records(of: Self.busKind).map(\.id)
        let prefix = call.text("NamePrefix")
        var shown: [(key: String, value: JSONValue)] = []
        for name in names.sorted() where name.hasPrefix(prefix) {
            shown.append((name, try self.shown(bus: name, in: snapshot)))
        }
        let (page, next) = try Self.paging(call).page(shown)
        return Self.listed("EventBuses", page, next)
    }

    private func deleteBus(_ call: APICall) async throws(APIError) -> APIReply {
        let name = RuleDocument.busName(call["Name"]?.string)
        guard name != "default" else {
            throw APIError(400, "ValidationException", "Cannot delete event bus default.")
        }
        return try await ledger.change { draft throws(APIError) in
            let rules = draft.snapshot.records(of: "\(RuleDocument.kind)/\(name)")
            guard rules.isEmpty else {
                throw APIError(
                    400,
                    "ValidationException",
                    "Event bus can't be deleted since it has rules."
                )
            }
            draft.setRecord("\(Self.busKind)/\(name)", nil)
            return APIReply()
        }
    }

    // MARK: Paging

    static func paging(_ call: APICall) throws(APIError) -> Paging {
        var key: String?
        if let token = call["NextToken"]?.string, !token.isEmpty {
            key = Paging.decode(token)
            guard key != nil else {
                throw APIError(400, "ValidationException", "Invalid NextToken.")
            }
        }
        return Paging(marker: key, limit: min(pageSize, call["Limit"]?.int ?? pageSize))
    }

    static func listed(_ name: String, _ page: [JSONValue], _ next: String?) -> APIReply {
        var output = JSONObject()
        output[name] = .array(page)
        output["NextToken"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}

extension APIError {
    static func refused(_ refusal: RuleDocument.Refusal) -> APIError {
        APIError(400, refusal.code, refusal.message)
    }
}
