import Executor
import JSON
import Model

/// The CloudWatch Logs API: groups, streams and events of what functions wrote on this node.
final class LogsService: APIService {
    /// The largest request.
    ///
    /// Unit: bytes. Source: CloudWatch Logs API, "PutLogEvents": 1,048,576 with 26 for each event.
    static let maximumRequest = 2 << 20
    /// The most text of the events in an answer.
    ///
    /// Unit: bytes. Source: CloudWatch Logs API, "GetLogEvents": 1 MB.
    static let maximumAnswer = 1 << 20

    let store: LogStore

    init(store: LogStore) { self.store = store }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "DescribeLogGroups": try describeGroups(call)
        case "DescribeLogStreams": try describeStreams(call)
        case "GetLogEvents": try getEvents(call)
        case "FilterLogEvents": try filterEvents(call)
        case "TestMetricFilter": try testFilter(call)
        case "CreateLogGroup": try createGroup(call)
        case "CreateLogStream": try createStream(call)
        case "PutLogEvents": try putEvents(call)
        case "DeleteLogGroup": try deleteGroup(call)
        case "DeleteLogStream": try deleteStream(call)
        case "PutRetentionPolicy": try setRetention(call, call["retentionInDays"]?.int)
        case "DeleteRetentionPolicy": try setRetention(call, nil)
        case "ListTagsLogGroup", "ListTagsForResource": try listTags(call)
        default:
            throw APIError(
                400,
                "UnknownOperationException",
                "\(call.operation.name) is not supported here."
            )
        }
    }

    // MARK: Groups

    private static let days: Set<Int> = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    ]

    private func createGroup(_ call: APICall) throws(APIError) -> APIReply {
        guard call["kmsKeyId"] == nil else { throw .parameter("kmsKeyId is not supported here.") }
        guard call["logGroupClass"]?.string ?? "STANDARD" == "STANDARD" else {
            throw .parameter("Log groups of other classes than STANDARD are not supported here.")
        }
        if call["deletionProtectionEnabled"]?.bool == true {
            throw .parameter("deletionProtectionEnabled is not supported here.")
        }
        var tags: [String: String] = [:]
        for member in call["tags"]?.object?.members ?? [] { tags[member.key] = member.value.string }
        switch store.makeGroup(call.text("logGroupName"), tags: tags) {
        case nil: return APIReply()
        case .exists?:
            throw APIError(
                400,
                "ResourceAlreadyExistsException",
                "The specified log group already exists"
            )
        case .tooMany?, .missing?:
            throw APIError(400, "LimitExceededException", "Resource limit exceeded.")
        }
    }

    private func deleteGroup(_ call: APICall) throws(APIError) -> APIReply {
        guard store.removeGroup(call.text("logGroupName")) else { throw .noGroup }
        return APIReply()
    }

    private func setRetention(_ call: APICall, _ days: Int?) throws(APIError) -> APIReply {
        if let days, !Self.days.contains(days) {
            let all = Self.days.sorted().map(String.init).joined(separator: ", ")
            throw .parameter(
                "1 validation error detected: Value '\(days)' at 'retentionInDays' failed to satisfy "
                    + "constraint: Member must satisfy enum value set: [\(all)]"
            )
        }
        guard store.setRetention(days, of: call.text("logGroupName")) else { throw .noGroup }
        return APIReply()
    }

    private func listTags(_ call: APICall) throws(APIError) -> APIReply {
        let name = Self.name(call["resourceArn"]?.string ?? call.text("logGroupName"))
        guard let group = store.groups.first(where: { $0.name == name }) else { throw .noGroup }
        var tags = JSONObject()
        for (key, value) in group.tags.sorted(by: { $0.key < $1.key }) {
            tags[key] = .string(value)
        }
        return APIReply(["tags": .object(tags)])
    }

    private func describeGroups(_ call: APICall) throws(APIError) -> APIReply {
        if call["logGroupNamePrefix"] != nil, call["logGroupNamePattern"] != nil {
            throw .parameter("logGroupNamePrefix and logGroupNamePattern are mutually exclusive")
        }
        if let other = call["logGroupClass"]?.string, other != "STANDARD" {
            return APIReply(["logGroups": []])
        }
        let prefix = call["logGroupNamePrefix"]?.string ?? ""
        let pattern = call["logGroupNamePattern"]?.string.map { $0.lowercased() } ?? ""
        let wanted = call["logGroupIdentifiers"]?.array?.map { Self.name($0.string ?? "") }
        let found = store.groups.filter {
            $0.name.hasPrefix(prefix)
                && (pattern.isEmpty || $0.name.lowercased().contains(pattern))
                && wanted?.contains($0.name) ?? true
        }
        let page = try paging(call).page(found.map { ($0.name, $0) })
        var output = JSONObject()
        output["logGroups"] = .array(page.entries.map(Self.shown))
        output["nextToken"] = Paging.encode(page.next)
        return APIReply(.object(output))
    }

    private static func shown(_ group: LogStore.GroupSummary) -> JSONValue {
        let arn = arn(group.name)
        var members = JSONObject()
        members["logGroupName"] = .string(group.name)
        members["creationTime"] = .integer(Int(group.created))
        members["retentionInDays"] = group.retentionDays.map { .integer($0) }
        members["metricFilterCount"] = 0
        members["arn"] = .string(arn + ":*")
        members["storedBytes"] = .integer(group.bytes)
        members["logGroupClass"] = "STANDARD"
        members["logGroupArn"] = .string(arn)
        return .object(members)
    }

    static func arn(_ group: String) -> String {
        "arn:aws:logs:us-east-1:\(FunctionARN.account):log-group:\(group)"
    }

    // MARK: Streams

    private func createStream(_ call: APICall) throws(APIError) -> APIReply {
        switch store.makeStream(call.text("logStreamName"), in: call.text("logGroupName")) {
        case nil: return APIReply()
        case .exists?:
            throw APIError(
                400,
                "ResourceAlreadyExistsException",
                "The specified log stream already exists"
            )
        case .missing?, .tooMany?: throw .noGroup
        }
    }

    private func deleteStream(_ call: APICall) throws(APIError) -> APIReply {
        let group = call.text("logGroupName")
        guard store.streams(of: group) != nil else { throw .noGroup }
        guard store.removeStream(call.text("logStreamName"), in: group) else { throw .noStream }
        return APIReply()
    }

    private func describeStreams(_ call: APICall) throws(APIError) -> APIReply {
        let group = try group(call)
        let isByTime = call["orderBy"]?.string == "LastEventTime"
        let prefix = call["logStreamNamePrefix"]?.string
        if isByTime, prefix != nil {
            throw .parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        }
        var found = (store.streams(of: group) ?? []).filter { $0.name.hasPrefix(prefix ?? "") }
        if isByTime { found.sort { ($0.last ?? 0, $0.name) < ($1.last ?? 0, $1.name) } }
        if call["descending"]?.bool == true { found.reverse() }
        // The key of an entry is its place: a page begins where the one before it ended.
        let keyed = found.enumerated().map { index, stream in
            (String(repeating: "0", count: 8 - String(index).count) + String(index), stream)
        }
        let page = try paging(call).page(keyed)
        var output = JSONObject()
        output["logStreams"] = .array(page.entries.map { Self.shown($0, group) })
        output["nextToken"] = Paging.encode(page.next)
        return APIReply(.object(output))
    }

    private static func shown(_ stream: LogStore.StreamSummary, _ group: String) -> JSONValue {
        var members = JSONObject()
        members["logStreamName"] = .string(stream.name)
        members["creationTime"] = .integer(Int(stream.created))
        members["firstEventTimestamp"] = stream.first.map { .integer(Int($0)) }
        members["lastEventTimestamp"] = stream.last.map { .integer(Int($0)) }
        members["lastIngestionTime"] = stream.ingestion.map { .integer(Int($0)) }
        members["uploadSequenceToken"] = .string("0")
        members["arn"] = .string("\(arn(group)):log-stream:\(stream.name)")
        members["storedBytes"] = 0
        return .object(members)
    }

    // MARK: Parameters

    private func paging(_ call: APICall) throws(APIError) -> Paging {
        let marker = call["nextToken"]?.string
        let decoded = marker.flatMap(Paging.decode)
        guard marker == nil || decoded != nil else {
            throw .parameter("The specified nextToken is invalid.")
        }
        return Paging(marker: decoded, limit: call["limit"]?.int ?? 50)
    }

    /// The group that a call names or identifies.
    func group(_ call: APICall) throws(APIError) -> String {
        let name = call["logGroupName"]?.string
        let identifier = call["logGroupIdentifier"]?.string
        guard name == nil || identifier == nil else {
            throw .parameter("LogGroup name and LogGroup identifier are mutually exclusive.")
        }
        guard let given = name ?? identifier else {
            throw .parameter("LogGroup name or LogGroup identifier is required.")
        }
        let group = Self.name(given)
        guard store.streams(of: group) != nil else { throw .noGroup }
        return group
    }

    /// The name in an ARN of a group, or the name itself.
    static func name(_ identifier: String) -> String {
        guard let range = identifier.firstRange(of: ":log-group:") else { return identifier }
        let rest = identifier[range.upperBound...]
        return String(rest.hasSuffix(":*") ? rest.dropLast(2) : rest)
    }
}

extension APIError {
    /// A parameter that CloudWatch Logs refuses.
    static func parameter(_ message: String) -> APIError {
        APIError(400, "InvalidParameterException", message)
    }

    static let noGroup = APIError(
        400,
        "ResourceNotFoundException",
        "The specified log group does not exist."
    )

    static let noStream = APIError(
        400,
        "ResourceNotFoundException",
        "The specified log stream does not exist."
    )
}
