import Executor
import JSON

/// Reading and putting log events.
extension LogsService {
    /// How far from now the time of an event that is put may be.
    ///
    /// Unit: milliseconds. Source: CloudWatch Logs API, "PutLogEvents": 14 days back, 2 hours ahead.
    private static let maximumAge: Int64 = 14 * 86_400_000
    private static let maximumLead: Int64 = 7_200_000
    /// The longest text of an event that is put.
    ///
    /// Unit: bytes. Source: CloudWatch Logs quotas, "Event size": 1 MB.
    private static let maximumEvent = 1 << 20
    /// The most events of an answer, and how many come when no number is given.
    ///
    /// Source: CloudWatch Logs API, "FilterLogEvents", limit.
    private static let pageLimit = 10_000

    func putEvents(_ call: APICall) throws(APIError) -> APIReply {
        let (group, stream) = (call.text("logGroupName"), call.text("logStreamName"))
        guard let streams = store.streams(of: group) else { throw .noGroup }
        guard streams.contains(where: { $0.name == stream }) else { throw .noStream }
        let events = call["logEvents"]?.array ?? []
        let now = Int64(Timestamp.now() * 1000)
        var (last, size) = (Int64.min, 0)
        var rejected = JSONObject()
        var taken: [(text: String, time: Int64)] = []
        for (index, event) in events.enumerated() {
            let time = Int64(event["timestamp"]?.int ?? 0)
            let text = event["message"]?.string ?? ""
            guard time >= last else {
                throw .parameter(
                    "Log events in a single PutLogEvents request must be in chronological order."
                )
            }
            last = time
            size += text.utf8.count + LogEvent.overhead
            guard text.utf8.count <= Self.maximumEvent, size <= 1_048_576 else {
                throw .parameter("Upload too large: \(size) bytes exceeds limit of 1048576")
            }
            if time < now - Self.maximumAge {
                rejected["tooOldLogEventEndIndex"] = .integer(index + 1)
            } else if time > now + Self.maximumLead {
                if rejected["tooNewLogEventStartIndex"] == nil {
                    rejected["tooNewLogEventStartIndex"] = .integer(index)
                }
            } else {
                taken.append((text, time))
            }
        }
        for event in taken {
            guard store.put(event.text, timestamp: event.time, group: group, stream: stream) else {
                throw .noStream
            }
        }
        var output: JSONObject = JSONObject()
        output["nextSequenceToken"] = .string(String(store.head))
        if !rejected.isEmpty { output["rejectedLogEventsInfo"] = .object(rejected) }
        return APIReply(.object(output))
    }

    /// A stream's events: the latest, or those beyond a token.
    func getEvents(_ call: APICall) throws(APIError) -> APIReply {
        let group = try group(call)
        let stream = call.text("logStreamName")
        guard store.streams(of: group)?.contains(where: { $0.name == stream }) == true else {
            throw .noStream
        }
        var selection = LogStore.Selection()
        selection.groups = [group]
        selection.streams = [stream]
        if let from = call["startTime"]?.int { selection.from = Int64(from) }
        if let until = call["endTime"]?.int { selection.until = Int64(until) }
        var isForward = call["startFromHead"]?.bool ?? false
        var place = 0
        if let token = call["nextToken"]?.string {
            let parts = token.split(separator: "/")
            guard parts.count == 2, parts[0] == "f" || parts[0] == "b", let number = Int(parts[1])
            else { throw .parameter("The specified nextToken is invalid.") }
            isForward = parts[0] == "f"
            place = number
            if isForward { selection.after = number } else { selection.before = number }
        }
        let all = store.events(selection)
        let limit = call["limit"]?.int ?? Self.pageLimit
        let page = Self.fitting(isForward ? all[...] : all.reversed()[...], limit)
        let events = isForward ? page : page.reversed()
        let (first, last) = (events.first?.sequence ?? place, events.last?.sequence ?? place)
        var output = JSONObject()
        output["events"] = .array(events.map { .object(Self.shown($0)) })
        output["nextForwardToken"] = .string("f/\(last)")
        output["nextBackwardToken"] = .string("b/\(first)")
        return APIReply(.object(output))
    }

    /// The first events that fit into an answer.
    private static func fitting(_ events: ArraySlice<LogEvent>, _ limit: Int) -> [LogEvent] {
        var (page, size): ([LogEvent], Int) = ([], 0)
        for event in events.prefix(limit) {
            size += event.message.utf8.count + LogEvent.overhead
            if size > maximumAnswer, !page.isEmpty { break }
            page.append(event)
        }
        return page
    }

    private static func shown(_ event: LogEvent) -> JSONObject {
        var members = JSONObject()
        members["timestamp"] = .integer(Int(event.timestamp))
        members["message"] = .string(event.message)
        members["ingestionTime"] = .integer(Int(event.ingestion))
        return members
    }

    /// Events of a group that a pattern lets through.
    func filterEvents(_ call: APICall) throws(APIError) -> APIReply {
        let group = try group(call)
        var selection = LogStore.Selection()
        selection.groups = [group]
        selection.streamPrefix = call["logStreamNamePrefix"]?.string
        if let names = call["logStreamNames"]?.array {
            if selection.streamPrefix != nil {
                throw .parameter("logStreamNames and logStreamNamePrefix are mutually exclusive")
            }
            selection.streams = Set(names.compactMap(\.string))
            let known = Set(store.streams(of: group)?.map(\.name) ?? [])
            guard selection.streams?.isSubset(of: known) == true else { throw .noStream }
        }
        if let from = call["startTime"]?.int { selection.from = Int64(from) }
        // Here, unlike with GetLogEvents, an event of the end time itself is shown.
        if let until = call["endTime"]?.int { selection.until = Int64(until) + 1 }
        if let token = call["nextToken"]?.string {
            guard let place = Paging.decode(token).flatMap({ Int($0) }) else {
                throw .parameter("The specified nextToken is invalid.")
            }
            selection.after = place
        }
        let filter = try Self.filter(call["filterPattern"]?.string)
        let found = store.events(selection).filter { filter.matches($0.message) }
        let page = Self.fitting(found[...], call["limit"]?.int ?? Self.pageLimit)
        var output = JSONObject()
        output["events"] = .array(
            page.map { event in
                var members = Self.shown(event)
                members["logStreamName"] = .string(event.stream)
                members["eventId"] = .string(Self.id(event))
                return .object(members)
            }
        )
        output["searchedLogStreams"] = []
        if page.count < found.count, let last = page.last {
            output["nextToken"] = Paging.encode(String(last.sequence))
        }
        return APIReply(.object(output))
    }

    /// An id with as many digits as AWS's.
    private static func id(_ event: LogEvent) -> String {
        let digits = String(event.sequence)
        return String(repeating: "0", count: max(0, 56 - digits.count)) + digits
    }

    private static func filter(_ pattern: String?) throws(APIError) -> LogFilter {
        do throws(LogFilter.Invalid) { return try LogFilter(pattern ?? "") } catch {
            throw .parameter("Invalid filter pattern: \(error.reason)")
        }
    }

    /// Which of some messages a pattern lets through.
    func testFilter(_ call: APICall) throws(APIError) -> APIReply {
        let filter = try Self.filter(call["filterPattern"]?.string)
        var matches: [JSONValue] = []
        for (index, message) in (call["logEventMessages"]?.array ?? []).enumerated() {
            guard let text = message.string, filter.matches(text) else { continue }
            matches.append([
                "eventNumber": .integer(index + 1), "eventMessage": .string(text),
                "extractedValues": [:],
            ])
        }
        return APIReply(["matches": .array(matches)])
    }
}
