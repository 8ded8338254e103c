import JSON
import Reactor

/// The events of one environment and who has subscribed to them.
///
/// Confined to its reactor. Source: "Lambda Telemetry API reference".
final class TelemetryDesk {
    /// How many events are kept for those who subscribe later in the init phase.
    private static let backlogLimit = 1000

    private let reactor: Reactor
    private var deliveries: [TelemetryDelivery] = []
    private var backlog: [(TelemetrySubscription.Category, [UInt8])] = []
    /// Whether somebody may still subscribe.
    private(set) var isOpen = true
    /// Whether an extension was started, which may subscribe to what has happened before.
    var expectsSubscribers = false

    init(reactor: Reactor) { self.reactor = reactor }

    /// Whether anybody would miss an event.
    var isHeard: Bool { !deliveries.isEmpty || isOpen && expectsSubscribers }

    /// Sends events of some kinds to an extension, with those that have happened before.
    ///
    /// A second subscription of the same extension takes the place of the first.
    func subscribe(_ subscription: TelemetrySubscription, as id: String) {
        deliveries.first { $0.owner == id }?.close()
        deliveries.removeAll { $0.owner == id }
        let delivery = TelemetryDelivery(subscription, owner: id, reactor: reactor)
        deliveries.append(delivery)
        for (category, event) in backlog { delivery.take(category, event) }
    }

    /// Nobody subscribes any more.
    func closeSubscription() {
        isOpen = false
        backlog = []
    }

    /// Passes on an event of the platform; `fill` writes the members of its record.
    func publish(_ type: String, _ fill: (inout JSONWriter) -> Void) {
        guard isHeard else { return }
        publish(.platform, type) { json in
            json.beginObject()
            fill(&json)
            json.endObject()
        }
    }

    /// Passes on a line of the function or an extension: an object where it is one and JSON is the format.
    func publish(_ category: TelemetrySubscription.Category, line: String, isJSON: Bool) {
        guard isHeard else { return }
        let record =
            isJSON && line.hasPrefix("{") ? try? JSONValue.parse(line) : nil
        publish(category, category.rawValue) { json in
            if let record { json.value(record) } else { json.string(line) }
        }
    }

    private func publish(
        _ category: TelemetrySubscription.Category,
        _ type: String,
        _ record: (inout JSONWriter) -> Void
    ) {
        var json = JSONWriter(reserving: 256)
        json.beginObject()
        json.field("time", System.timestamp(System.milliseconds))
        json.field("type", type)
        json.key("record")
        record(&json)
        json.endObject()
        for delivery in deliveries { delivery.take(category, json.bytes) }
        if isOpen, expectsSubscribers, backlog.count < Self.backlogLimit {
            backlog.append((category, json.bytes))
        }
    }

    /// Sends what has gathered now.
    func flush() { for delivery in deliveries { delivery.flush() } }

    /// Sends what has gathered and waits for it.
    func finish(until deadline: MonotonicInstant) async {
        for delivery in deliveries { await delivery.finish(until: deadline) }
    }

    /// Nothing is sent any more.
    func close() {
        isOpen = false
        for delivery in deliveries { delivery.close() }
        deliveries = []
        backlog = []
    }
}
