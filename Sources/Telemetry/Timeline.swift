/// The steps of one request's life, in order.
///
/// The first lies in place: most requests have no other, and an array for one costs more than the step.
package struct Timeline: Sendable {
    private var first: TimelineEntry?
    private var others: [TimelineEntry] = []

    /// Makes an empty timeline.
    package init() {}

    /// Adds a step at the end.
    package mutating func append(_ entry: consuming TimelineEntry) {
        if first == nil {
            first = entry
        } else {
            others.append(entry)
        }
    }

    /// Adds the steps that another door took for the same request.
    package static func += (timeline: inout Timeline, added: Timeline) {
        for entry in added { timeline.append(entry) }
    }
}

extension Timeline: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { first == nil ? 0 : 1 + others.count }

    package subscript(position: Int) -> TimelineEntry {
        guard position == 0 else { return others[position - 1] }
        guard let first else { preconditionFailure("there is no step 0") }
        return first
    }
}

extension Timeline: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for entry in self { try container.encode(entry) }
    }
}
