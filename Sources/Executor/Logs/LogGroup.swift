/// A log group with its streams and its latest events, oldest first.
struct LogGroup {
    /// How many streams a group keeps; beyond it the tenth that was quiet for longest goes.
    static let maximumStreams = 1000
    /// How many events a group keeps; beyond it the oldest go.
    static let maximumEvents = 20_000
    /// How much a group keeps; beyond it the oldest events go.
    ///
    /// Unit: bytes.
    static let maximumBytes = 8 << 20

    /// A stream of a group.
    struct Stream {
        var created: Int64
        var first: Int64?
        var last: Int64?
        var ingestion: Int64?
        var count = 0
    }

    let created: Int64
    /// How long AWS would keep events; nil for ever.
    ///
    /// Unit: days. Here the bounds of the group decide.
    var retentionDays: Int?
    private(set) var streams: [String: Stream] = [:]
    private(set) var bytes = 0
    private var events: [LogEvent] = []
    /// Where the oldest event that is kept stands in `events`.
    private var start = 0

    let tags: [String: String]

    init(created: Int64, tags: [String: String]) {
        self.created = created
        self.tags = tags
    }

    /// The events that are kept, in the order of their arrival.
    var kept: ArraySlice<LogEvent> { events[start...] }

    /// Makes a stream; false when it is there.
    mutating func makeStream(_ name: String, at time: Int64) -> Bool {
        guard streams[name] == nil else { return false }
        if streams.count >= Self.maximumStreams { dropQuietStreams() }
        streams[name] = Stream(created: time)
        return true
    }

    /// Keeps an event; the oldest make room for it.
    mutating func append(_ event: LogEvent) {
        if streams[event.stream]?.note(event) == nil {
            _ = makeStream(event.stream, at: event.ingestion)
            streams[event.stream]?.note(event)
        }
        events.append(event)
        bytes += event.cost
        while bytes > Self.maximumBytes || events.count - start > Self.maximumEvents {
            dropFirst()
        }
    }

    /// Lets the older half of the events go.
    mutating func halve() {
        let end = start + (events.count - start + 1) / 2
        while start < end { dropFirst() }
    }

    /// Removes a stream with its events; false when there is none.
    mutating func removeStream(_ name: String) -> Bool {
        guard streams.removeValue(forKey: name) != nil else { return false }
        keep { $0.stream != name }
        return true
    }

    private mutating func dropFirst() {
        bytes -= events[start].cost
        start += 1
        if start >= 1024, start * 2 >= events.count {
            events.removeFirst(start)
            start = 0
        }
    }

    private mutating func dropQuietStreams() {
        let byQuiet = streams.sorted { ($0.value.latest, $0.key) < ($1.value.latest, $1.key) }
        let gone = Set(byQuiet.prefix(max(1, Self.maximumStreams / 10)).map(\.key))
        for name in gone { streams[name] = nil }
        keep { !gone.contains($0.stream) }
    }

    private mutating func keep(_ isKept: (LogEvent) -> Bool) {
        events = kept.filter(isKept)
        start = 0
        bytes = events.reduce(0) { $0 + $1.cost }
    }
}

extension LogGroup.Stream {
    /// When it was last heard of.
    var latest: Int64 { last ?? created }

    mutating func note(_ event: LogEvent) {
        first = min(first ?? event.timestamp, event.timestamp)
        last = max(last ?? event.timestamp, event.timestamp)
        ingestion = event.ingestion
        count += 1
    }
}
