import Foundation
import Model

/// The form in which resources are written, on disks and on the wire, and how older forms become it.
///
/// When a member of a model is added without being optional, renamed or given another shape, what older
/// builds wrote can no longer be read: add a step here, count `current` up, and keep a state of the old form
/// among the tests.
enum StateFormat {
    /// The form of this build.
    static let current = 2
    /// What is written without a number is of this form.
    static let unnumbered = 1

    /// Each step makes a resource of one form into the next: `steps[0]` makes 1 into 2.
    private static let steps: [@Sendable (_ kind: String, _ value: inout [String: Any]) -> Void] = [
        StateFormatStep1.upgrade
    ]

    /// Refuses what a newer build wrote.
    static func check(_ format: Int, _ what: String) throws {
        guard format <= current else {
            throw RegistryError(
                .storage,
                "\(what) has the form \(format) of a newer build; this one reads forms up to "
                    + "\(current)"
            )
        }
        guard format >= unnumbered else {
            throw RegistryError(.corrupt, "\(what) has the form \(format), which there never was")
        }
    }

    /// A resource as JSON, brought to the current form.
    static func upgrade(resource: Data, from format: Int) throws -> Data {
        guard format < current else { return resource }
        return try write(upgraded(try object(resource), from: format))
    }

    /// The changes of a revision as a JSON array, brought to the current form.
    static func upgrade(changes: Data, from format: Int) throws -> Data {
        guard format < current else { return changes }
        guard let list = try? JSONSerialization.jsonObject(with: changes) as? [[String: Any]] else {
            throw RegistryError(.corrupt, "the changes of a revision are not a JSON array")
        }
        return try write(list.map { upgraded(change: $0, from: format) })
    }

    static func upgraded(change: [String: Any], from format: Int) -> [String: Any] {
        guard let put = change["put"] as? [String: Any],
            let resource = put["_0"] as? [String: Any]
        else { return change }
        return ["put": ["_0": upgraded(resource, from: format)]]
    }

    static func upgraded(_ resource: [String: Any], from format: Int) -> [String: Any] {
        guard let kind = resource.keys.first, let members = resource[kind] as? [String: Any],
            var value = members["_0"] as? [String: Any]
        else { return resource }
        for step in steps.dropFirst(format - unnumbered) { step(kind, &value) }
        return [kind: ["_0": value]]
    }

    static func object(_ json: Data) throws -> [String: Any] {
        guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else {
            throw RegistryError(.corrupt, "a resource is not a JSON object")
        }
        return object
    }

    static func write(_ value: Any) throws -> Data {
        try JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    }

    /// A sentence for what the decoder missed.
    static func sentence(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        func path(_ context: DecodingError.Context, _ last: (any CodingKey)? = nil) -> String {
            (context.codingPath + (last.map { [$0] } ?? [])).map(\.stringValue)
                .filter { $0 != "_0" }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): "'\(path(context, key))' is missing"
        case .valueNotFound(_, let context): "'\(path(context))' is null"
        case .typeMismatch(let type, let context): "'\(path(context))' is no \(type)"
        case .dataCorrupted(let context): "'\(path(context))': \(context.debugDescription)"
        @unknown default: "\(error)"
        }
    }
}

extension StateFormat {
    /// Decodes an object of the current form.
    static func decode<Value: Decodable>(_ object: [String: Any], _ what: String) throws -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: try write(object))
        } catch {
            throw RegistryError(.corrupt, "\(what) cannot be read: \(sentence(error))")
        }
    }
}
