import JSON

/// An event for an event bus, as `PutEvents` takes it.
package struct BusEvent: Sendable, Equatable {
    /// The name of the bus.
    package var bus: String
    package var source: String
    package var detailType: String
    package var resources: [String]
    /// A JSON object as text.
    package var detail: String

    /// Makes an event.
    package init(
        bus: String,
        source: String,
        detailType: String,
        resources: [String],
        detail: String
    ) {
        self.bus = bus
        self.source = source
        self.detailType = detailType
        self.resources = resources
        self.detail = detail
    }

    /// The event as an entry of a request.
    var entry: JSONValue {
        [
            "EventBusName": .string(bus), "Source": .string(source),
            "DetailType": .string(detailType), "Resources": .array(resources.map(JSONValue.string)),
            "Detail": .string(detail),
        ]
    }
}
