import Synchronization
import Testing

@testable import Executor

/// The groups and streams of what functions write.
@Suite("Log store")
struct LogStoreTests {
    private func line(
        _ text: String,
        group: String = "/aws/lambda/f",
        stream: String = "s",
        at time: Int64 = 1
    ) -> FunctionLogLine {
        FunctionLogLine(
            FunctionLogLine.Place(function: "f:1", group: group, stream: stream, edge: "iad"),
            .text(text),
            requestID: "r",
            timestamp: time
        )
    }

    @Test("lines come back in their order, with group, stream, function, edge and request")
    func order() {
        let store = LogStore(clock: { 5 })
        for number in 1...3 { store.append(line("line \(number)", at: Int64(number))) }
        let events = store.events(LogStore.Selection())
        #expect(events.map(\.message) == ["line 1\n", "line 2\n", "line 3\n"])
        #expect(events.map(\.sequence) == [1, 2, 3])
        #expect(events[0].function == "f:1" && events[0].edge == "iad")
        #expect(events[0].requestID == "r")
        let stream = store.streams(of: "/aws/lambda/f")?.first
        #expect(stream?.first == 1 && stream?.last == 3)
    }

    @Test("a selection keeps to groups, streams, times and places")
    func selection() {
        let store = LogStore(clock: { 5 })
        store.append(line("a", stream: "one", at: 10))
        store.append(line("b", stream: "two", at: 20))
        store.append(line("c", group: "g", stream: "two", at: 30))
        func texts(_ change: (inout LogStore.Selection) -> Void) -> [String] {
            var selection = LogStore.Selection()
            change(&selection)
            return store.events(selection).map(\.message)
        }
        #expect(texts { $0.groups = ["g"] } == ["c\n"])
        #expect(texts { $0.streams = ["two"] } == ["b\n", "c\n"])
        #expect(texts { $0.streamPrefix = "o" } == ["a\n"])
        #expect(texts { $0.from = 20 } == ["b\n", "c\n"])
        #expect(texts { $0.until = 20 } == ["a\n"])
        #expect(texts { $0.after = 2 } == ["c\n"])
        #expect(texts { $0.before = 2 } == ["a\n"])
        #expect(texts { $0.groups = ["none"] } == [])
    }

    // Limits: LogGroup.maximumEvents
    @Test("a group keeps its latest events and no more than it may")
    func events() {
        let store = LogStore(clock: { 5 })
        store.append(line("quiet", group: "quiet"))
        for number in 0..<(LogGroup.maximumEvents + 10) { store.append(line("\(number)")) }
        var selection = LogStore.Selection()
        selection.groups = ["/aws/lambda/f"]
        let events = store.events(selection)
        #expect(events.count == LogGroup.maximumEvents)
        #expect(events.first?.message == "10\n")
        selection.groups = ["quiet"]
        #expect(store.events(selection).count == 1, "a busy group costs others nothing")
    }

    // Limits: LogGroup.maximumBytes
    @Test("a group keeps no more text than it may")
    func bytes() {
        let store = LogStore(clock: { 5 })
        let text = String(repeating: "x", count: 256 << 10)
        for _ in 0..<100 { store.append(line(text)) }
        let bytes = store.groups.first?.bytes ?? 0
        #expect(bytes <= LogGroup.maximumBytes && bytes > LogGroup.maximumBytes / 2)
    }

    // Limits: LogStore.maximumBytes, LogStore.maximumGroups
    @Test("all groups together keep no more text and are no more than they may be")
    func groups() {
        let store = LogStore(clock: { 5 })
        let text = String(repeating: "x", count: 1 << 20)
        for number in 0..<100 { store.append(line(text, group: "g\(number)")) }
        #expect(store.groups.reduce(0) { $0 + $1.bytes } <= LogStore.maximumBytes)
        for number in 0..<1100 { store.append(line("x", group: "h\(number)")) }
        #expect(store.groups.count == LogStore.maximumGroups)
        #expect(store.makeGroup("one more") == .tooMany)
    }

    // Limits: LogGroup.maximumStreams
    @Test("a group of many environments forgets the streams that were quiet for longest")
    func streams() {
        let store = LogStore(clock: { 5 })
        for number in 0...LogGroup.maximumStreams {
            store.append(line("x", stream: "s\(number)", at: Int64(number)))
        }
        let names = Set(store.streams(of: "/aws/lambda/f")?.map(\.name) ?? [])
        #expect(names.count == LogGroup.maximumStreams - 99)
        #expect(!names.contains("s0") && names.contains("s\(LogGroup.maximumStreams)"))
        #expect(store.events(LogStore.Selection()).count == names.count)
    }

    @Test("groups and streams are made once, and are gone once removed")
    func life() {
        let store = LogStore(clock: { 5 })
        #expect(store.makeStream("s", in: "g") == .missing)
        #expect(store.makeGroup("g", tags: ["a": "b"]) == nil)
        #expect(store.makeGroup("g") == .exists)
        #expect(store.makeStream("s", in: "g") == nil)
        #expect(store.makeStream("s", in: "g") == .exists)
        #expect(store.put("x", timestamp: 4, group: "g", stream: "s"))
        #expect(!store.put("x", timestamp: 4, group: "g", stream: "t"))
        #expect(store.setRetention(7, of: "g") && !store.setRetention(7, of: "h"))
        #expect(store.groups.first?.retentionDays == 7)
        #expect(store.removeStream("s", in: "g") && !store.removeStream("s", in: "g"))
        #expect(store.events(LogStore.Selection()).isEmpty)
        #expect(store.removeGroup("g") && !store.removeGroup("g"))
    }
}
