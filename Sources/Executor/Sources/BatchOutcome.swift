import DataPlane
import HTTP
import JSON

/// What a function's answer says of a batch.
///
/// Source: "Handling errors for an SQS event source in Lambda", "Configuring partial batch response".
enum BatchOutcome: Equatable {
    case done
    case failed
    /// The ids that failed; all others are done.
    case partly(Set<String>)
    /// The function could not run.
    case throttled

    init(_ result: InvocationResult, of records: [SourceRecord], reportsFailures: Bool) {
        switch result {
        case .success(let answer):
            self = reportsFailures ? Self.read(answer, Set(records.map(\.id))) : .done
        case .functionError: self = .failed
        case .throttled, .notFound: self = .throttled
        }
    }

    private static func read(_ answer: Bytes, _ ids: Set<String>) -> BatchOutcome {
        if answer.isEmpty { return .done }
        guard let document = try? JSONValue.parse(answer) else { return .failed }
        if document.isNull { return .done }
        guard document.object != nil else { return .failed }
        guard let list = document["batchItemFailures"], !list.isNull else { return .done }
        guard let failures = list.array else { return .failed }
        var named: Set<String> = []
        for failure in failures {
            guard let id = failure["itemIdentifier"]?.string, ids.contains(id) else {
                return .failed
            }
            named.insert(id)
        }
        return named.isEmpty ? .done : .partly(named)
    }
}
