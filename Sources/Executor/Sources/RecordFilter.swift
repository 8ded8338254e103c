import JSON

/// The filters of a mapping: a record passes when one of them matches it.
///
/// Source: "Control which events Lambda sends to your function".
struct RecordFilter: Sendable {
    private let patterns: [EventPattern]
    private let isOpen: Bool

    init(_ texts: [String]) {
        isOpen = texts.isEmpty
        patterns = texts.compactMap { try? EventPattern($0) }
    }

    func passes(_ record: SourceRecord) -> Bool {
        isOpen || patterns.contains { $0.matches(record.filterView) }
    }
}
