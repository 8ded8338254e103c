import Crypto
import Foundation
import JSON
package import Model

/// Sealing what goes to a disk or a database, and opening what comes from there.
extension VariableKeys {
    private static let version = "v1"
    /// Where the Lambda API keeps the configurations of functions.
    static let records = "lambda/function/"

    func sealed(_ changes: [Change]) -> [Change] { changes.map { change($0, sealed) } }
    func opened(_ changes: [Change]) -> [Change] { changes.map { change($0, opened) } }

    func sealed(_ resource: Resource) -> Resource { resource.mappingVariables(seal) }
    func opened(_ resource: Resource) -> Resource { resource.mappingVariables(open) }

    /// A snapshot whose variables are open as far as there are keys.
    package func opened(_ snapshot: Snapshot) -> Snapshot {
        var snapshot = snapshot
        for (key, version) in snapshot.functions where version.sealedVariables != nil {
            if case .function(let opened) = opened(.function(version)) {
                snapshot.functions[key] = opened
            }
        }
        for (id, document) in snapshot.records where id.hasPrefix(Self.records) {
            let resource = opened(.record(id: id, document: document))
            if case .record(_, let opened) = resource { snapshot.records[id] = opened }
        }
        return snapshot
    }

    private func change(_ change: Change, _ body: (Resource) -> Resource) -> Change {
        guard case .put(let resource) = change else { return change }
        return .put(body(resource))
    }

    /// Variables as one sealed text under a name that no variable can have; those that nobody could open stay.
    private func seal(_ variables: [String: String], of function: String) -> [String: String] {
        guard !variables.isEmpty, variables[FunctionVersion.sealedName] == nil,
            let key = all.first
        else { return variables }
        var object = JSONObject()
        for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
            object[name] = .string(value)
        }
        let box = SealedBytes.seal(
            JSONValue.object(object).encoded(),
            key: key.bytes,
            context: function
        )
        let text = "\(Self.version).\(key.name).\(Base64.encode(box))"
        return [FunctionVersion.sealedName: text]
    }

    private func open(_ variables: [String: String], of function: String) -> [String: String] {
        guard let text = variables[FunctionVersion.sealedName] else { return variables }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == Self.version, let box = Base64.decode(String(parts[2])),
            let key = all.first(where: { $0.name == parts[1] }),
            let bytes = SealedBytes.open(box, key: key.bytes, context: function),
            let object = (try? JSONValue.parse(bytes[...]))?.object
        else { return variables }
        return Dictionary(
            object.members.map { ($0.key, $0.value.string ?? "") },
            uniquingKeysWith: { $1 }
        )
    }
}

extension Snapshot {
    /// Whether the variables of all functions could be opened.
    var isOpen: Bool { functions.values.allSatisfy { $0.sealedVariables == nil } }
}

extension Resource {
    /// The resource with the variables of its function changed, wherever it holds them.
    fileprivate func mappingVariables(
        _ body: (_ variables: [String: String], _ function: String) -> [String: String]
    ) -> Resource {
        switch self {
        case .function(var version):
            version.environment = body(version.environment, version.name)
            return .function(version)
        case .record(let id, let document):
            let kind = VariableKeys.records
            guard id.hasPrefix(kind), document.contains("\"Environment\""),
                var record = (try? JSONValue.parse(document))?.object
            else { return self }
            let name = String(id.dropFirst(kind.count))
            if var latest = record["latest"]?.object {
                latest.mapVariables { body($0, name) }
                record["latest"] = .object(latest)
            }
            if var versions = record["versions"]?.object {
                for member in versions.members {
                    guard var configuration = member.value.object else { continue }
                    configuration.mapVariables { body($0, name) }
                    versions[member.key] = .object(configuration)
                }
                record["versions"] = .object(versions)
            }
            return .record(
                id: id,
                document: String(decoding: JSONValue.object(record).encoded(), as: UTF8.self)
            )
        default: return self
        }
    }
}

extension JSONObject {
    /// Changes the variables of a configuration; others than texts do not occur.
    fileprivate mutating func mapVariables(_ body: ([String: String]) -> [String: String]) {
        guard var environment = self["Environment"]?.object,
            let given = environment["Variables"]?.object
        else { return }
        let variables = Dictionary(
            given.members.map { ($0.key, $0.value.string ?? "") },
            uniquingKeysWith: { $1 }
        )
        let changed = body(variables)
        guard changed != variables else { return }
        var object = JSONObject()
        for (name, value) in changed.sorted(by: { $0.key < $1.key }) {
            object[name] = .string(value)
        }
        environment["Variables"] = .object(object)
        self["Environment"] = .object(environment)
    }
}
