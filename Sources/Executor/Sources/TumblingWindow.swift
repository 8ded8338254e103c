import HTTP
import JSON

/// A stretch of time whose records a function adds up, with what it has made of them so far.
///
/// Source: "Implementing stateful Kinesis Data Streams processing in Lambda".
struct TumblingWindow: Sendable, Equatable {
    /// The most that a function may hand on from call to call.
    ///
    /// Unit: bytes. Source: "Implementing stateful Kinesis Data Streams processing in Lambda": 1 MB per shard.
    static let largestState = 1 << 20

    /// Unit: seconds since 1970.
    let start: Int64
    /// Unit: seconds.
    let length: Int64
    /// What the function handed on, an object.
    private(set) var state: JSONValue = [:]
    /// Whether the state has grown over its limit.
    private(set) var isOverfull = false

    /// The window in which a record belongs that came at a time, in milliseconds since 1970.
    init(containing arrival: Int64, length: Int) {
        self.length = Int64(length)
        let seconds = arrival / 1000
        start = seconds - seconds % self.length
    }

    /// A window that was kept.
    init(start: Int64, length: Int, state: JSONValue) {
        self.start = start
        self.length = Int64(length)
        self.state = state
    }

    /// Unit: seconds since 1970.
    var end: Int64 { start + length }

    /// Takes what an answer hands on to the next call; an answer without a state begins anew.
    mutating func take(_ answer: Bytes) {
        let given = (try? JSONValue.parse(answer))?["state"]
        state = given?.object == nil ? [:] : given ?? [:]
        isOverfull = state.text.utf8.count > Self.largestState
        if isOverfull { state = [:] }
    }

    /// What an event says of the window beside its records.
    func write(to json: inout JSONWriter, shard: String, source: String, isFinal: Bool) {
        json.key("window")
        json.beginObject()
        json.field("start", Self.time(start))
        json.field("end", Self.time(end))
        json.endObject()
        json.key("state")
        json.value(state)
        json.field("shardId", shard)
        json.field("eventSourceARN", source)
        json.field("isFinalInvokeForWindow", isFinal)
        json.field("isWindowTerminatedEarly", isFinal && isOverfull)
    }

    /// A time as `2026-01-31T10:11:12Z`.
    private static func time(_ seconds: Int64) -> String {
        System.timestamp(seconds * 1000).prefix(19) + "Z"
    }
}
