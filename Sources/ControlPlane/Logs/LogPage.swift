package import Executor
import HTTP
import JSON
package import Model

/// What `/_portico/logs` shows: lines of functions, or of one function or group.
package struct LogPage: Sendable {
    /// How many lines one answer holds.
    static let pageLimit = 5000
    /// How much text one answer holds.
    ///
    /// Unit: bytes.
    static let maximumAnswer = 4 << 20

    private let store: LogStore
    private let snapshot: @Sendable () -> Snapshot
    private let logicalIDs: @Sendable (String) -> String?
    private let edges: @Sendable () -> [String]
    /// Tells a reader that the numbers of lines begin anew.
    private let mark = Ledger.uuid()

    /// Makes the page; `logicalIDs` gives the function's name for a template's logical id, `edges` the
    /// names of the edges there are.
    package init(
        store: LogStore,
        snapshot: @escaping @Sendable () -> Snapshot,
        edges: @escaping @Sendable () -> [String],
        logicalIDs: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.store = store
        self.snapshot = snapshot
        self.edges = edges
        self.logicalIDs = logicalIDs
    }

    /// The page, or status and sentence of what is wrong with the query.
    func answer(_ query: Query) -> (status: Int, text: String) {
        var selection = LogStore.Selection()
        if let text = query["after"] {
            guard let number = Int(text), number >= 0 else {
                return (400, "after is the number of a line\n")
            }
            selection.after = number
        }
        if let text = query["from"] {
            guard let time = Int64(text) else { return (400, "from is milliseconds since 1970\n") }
            selection.from = time
        }
        let filter: LogFilter
        do throws(LogFilter.Invalid) { filter = try LogFilter(query["filter"] ?? "") } catch {
            return (400, "the filter cannot be read: \(error.reason)\n")
        }
        let name = query["name"].map { logicalIDs($0) ?? $0 }
        if let name, let problem = problem(with: name) { return (404, problem) }
        let edge = query["edge"]
        if let edge, !edges().contains(edge) {
            return (404, "there is no edge '\(edge)'; \(Self.those(edges(), "edges"))\n")
        }
        let head = store.head
        let found = store.events(selection).filter { event in
            name.map { Self.belongs(event, to: $0) } ?? true
                && edge.map { event.edge == $0 } ?? true && filter.matches(event.message)
        }
        return (200, text(found, head: head))
    }

    private func problem(with name: String) -> String? {
        let groups = store.groups.map(\.name)
        let functions = Set(snapshot().functions.values.map(\.name))
        let wanted = name.hasPrefix("/aws/lambda/") ? String(name.dropFirst(12)) : name
        if groups.contains(name) || functions.contains(wanted) { return nil }
        return "there is no function or log group '\(name)'; "
            + "\(Self.those(functions.sorted(), "functions")); \(Self.those(groups, "groups"))\n"
    }

    private static func those(_ names: [String], _ kind: String) -> String {
        names.isEmpty ? "there are no \(kind)" : "\(kind): " + names.joined(separator: ", ")
    }

    /// Whether a line is of a group or of a function, also at edges and in a group of another name.
    private static func belongs(_ event: LogEvent, to name: String) -> Bool {
        if event.group == name { return true }
        guard let function = event.function else { return false }
        return function.hasPrefix(name) && function.dropFirst(name.count).first == ":"
    }

    private func text(_ events: [LogEvent], head: Int) -> String {
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.field("node", mark)
        json.key("events")
        json.beginArray()
        var last = head
        for (index, event) in events.enumerated() {
            if index == Self.pageLimit || json.bytes.count > Self.maximumAnswer {
                last = events[index - 1].sequence
                break
            }
            json.beginObject()
            json.field("timestamp", Int(event.timestamp))
            json.field("group", event.group)
            json.field("stream", event.stream)
            if let function = event.function { json.field("function", function) }
            if let edge = event.edge { json.field("edge", edge) }
            if let id = event.requestID { json.field("requestId", id) }
            json.field("message", event.message)
            json.endObject()
        }
        json.endArray()
        json.field("last", last)
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
