import Synchronization

/// The latest log lines of functions, in groups and streams, as CloudWatch Logs has them.
///
/// They are kept in memory and within bounds; a group that writes much loses its own oldest lines first.
package final class LogStore: Sendable {
    /// How many groups there may be; lines of further ones are not kept.
    package static let maximumGroups = 1000
    /// How much all groups together keep; beyond it the largest group loses its older half.
    ///
    /// Unit: bytes.
    static let maximumBytes = 64 << 20

    /// A group as it is described.
    package struct GroupSummary: Sendable {
        package var name: String
        /// Unit: milliseconds since 1970.
        package var created: Int64
        package var retentionDays: Int?
        /// Unit: bytes.
        package var bytes: Int
        package var tags: [String: String]
    }

    /// A stream as it is described; times in milliseconds since 1970.
    package struct StreamSummary: Sendable {
        package var name: String
        package var created: Int64
        package var first: Int64?
        package var last: Int64?
        package var ingestion: Int64?
    }

    /// Which events are asked for.
    package struct Selection: Sendable {
        /// The groups; nil for all of them.
        package var groups: Set<String>?
        /// The streams; nil for all of them.
        package var streams: Set<String>?
        package var streamPrefix: String?
        /// Only events with a higher sequence number.
        package var after = 0
        /// Only events with a lower sequence number.
        package var before = Int.max
        /// The earliest timestamp, in milliseconds since 1970.
        package var from = Int64.min
        /// The first timestamp that is too late, in milliseconds since 1970.
        package var until = Int64.max

        /// Selects everything.
        package init() {}

        func takes(_ event: LogEvent) -> Bool {
            event.sequence > after && event.sequence < before
                && event.timestamp >= from && event.timestamp < until
                && streams?.contains(event.stream) ?? true
                && streamPrefix.map { event.stream.hasPrefix($0) } ?? true
        }
    }

    fileprivate struct State {
        var groups: [String: LogGroup] = [:]
        var bytes = 0
        var sequence = 0
    }

    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64

    /// Makes an empty store; `clock` gives milliseconds since 1970.
    package init(clock: @escaping @Sendable () -> Int64 = { System.milliseconds }) {
        self.clock = clock
    }

    /// Takes a line of a function or of the platform.
    package func append(_ line: FunctionLogLine) {
        guard !line.group.isEmpty else { return }
        state.withLock { $0.append(LogEvent(line, sequence: $0.sequence + 1)) }
    }

    /// Takes a line that a call put; false when there is no such stream.
    package func put(_ text: String, timestamp: Int64, group: String, stream: String) -> Bool {
        let now = clock()
        return state.withLock { state in
            guard state.groups[group]?.streams[stream] != nil else { return false }
            let line = FunctionLogLine(
                FunctionLogLine.Place(function: "", group: group, stream: stream),
                .text(text),
                requestID: nil,
                timestamp: timestamp
            )
            state.append(LogEvent(line, putAt: now, sequence: state.sequence + 1))
            return true
        }
    }

    // MARK: - Groups and streams

    /// Makes a group; nil when it is made, else why not.
    package func makeGroup(_ name: String, tags: [String: String] = [:]) -> Refusal? {
        let now = clock()
        return state.withLock { state in
            if state.groups[name] != nil { return .exists }
            if state.groups.count >= Self.maximumGroups { return .tooMany }
            state.groups[name] = LogGroup(created: now, tags: tags)
            return nil
        }
    }

    /// Why a group or a stream is not made.
    package enum Refusal: Sendable { case exists, missing, tooMany }

    /// Removes a group with all that is in it; false when there is none.
    package func removeGroup(_ name: String) -> Bool {
        state.withLock { state in
            guard let group = state.groups.removeValue(forKey: name) else { return false }
            state.bytes -= group.bytes
            return true
        }
    }

    /// Sets how long AWS would keep a group's events; false when there is none.
    package func setRetention(_ days: Int?, of name: String) -> Bool {
        state.withLock { $0.groups[name]?.retentionDays = days } != nil
    }

    /// Makes a stream; nil when it is made, else why not.
    package func makeStream(_ name: String, in group: String) -> Refusal? {
        let now = clock()
        return state.withLock { state in
            guard state.groups[group] != nil else { return .missing }
            return state.change(group) { $0.makeStream(name, at: now) } == true ? nil : .exists
        }
    }

    /// Removes a stream with its events; false when there is none.
    package func removeStream(_ name: String, in group: String) -> Bool {
        state.withLock { $0.change(group) { $0.removeStream(name) } ?? false }
    }

    /// Forgets every group.
    package func removeAll() {
        state.withLock { state in
            state.groups = [:]
            state.bytes = 0
        }
    }

    /// The groups by name.
    package var groups: [GroupSummary] {
        state.withLock { state in
            state.groups.map { name, group in
                GroupSummary(
                    name: name,
                    created: group.created,
                    retentionDays: group.retentionDays,
                    bytes: group.bytes,
                    tags: group.tags
                )
            }
        }.sorted { $0.name < $1.name }
    }

    /// The streams of a group by name; nil when there is no such group.
    package func streams(of group: String) -> [StreamSummary]? {
        let found = state.withLock { $0.groups[group]?.streams }
        return found?.map { name, stream in
            StreamSummary(
                name: name,
                created: stream.created,
                first: stream.first,
                last: stream.last,
                ingestion: stream.ingestion
            )
        }.sorted { $0.name < $1.name }
    }

    /// The number of the latest event.
    package var head: Int { state.withLock { $0.sequence } }

    /// The selected events in the order of their arrival.
    ///
    /// - Complexity: O(n) in the events of the selected groups.
    package func events(_ selection: Selection) -> [LogEvent] {
        // Taken under the lock, sifted after it: the arrays are shared, not copied.
        let kept = state.withLock { state in
            (selection.groups.map { names in names.compactMap { state.groups[$0] } }
                ?? Array(state.groups.values)).map(\.kept)
        }
        var found: [LogEvent] = []
        for events in kept { found += events.lazy.filter(selection.takes) }
        return kept.count == 1 ? found : found.sorted { $0.sequence < $1.sequence }
    }
}

extension LogStore.State {
    /// Keeps an event in its group, which is made unless there are too many.
    mutating func append(_ event: LogEvent) {
        if change(event.group, { $0.append(event) }) == nil {
            guard groups.count < LogStore.maximumGroups else { return }
            groups[event.group] = LogGroup(created: event.ingestion, tags: [:])
            change(event.group) { $0.append(event) }
        }
        sequence = event.sequence
        guard bytes > LogStore.maximumBytes,
            let largest = groups.max(by: { $0.value.bytes < $1.value.bytes })?.key
        else { return }
        change(largest) { $0.halve() }
    }

    /// Changes a group and keeps count of the bytes; nil when there is none.
    @discardableResult
    mutating func change<Value>(_ name: String, _ body: (inout LogGroup) -> Value) -> Value? {
        guard let place = groups.index(forKey: name) else { return nil }
        bytes -= groups.values[place].bytes
        defer { bytes += groups.values[place].bytes }
        return body(&groups.values[place])
    }
}
