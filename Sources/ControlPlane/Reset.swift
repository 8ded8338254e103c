import DataPlane
import Executor
import Foundation
import HTTP
import JSON
import Model
import Registry

/// Wipes what was made through the APIs; what the template made stays.
struct Reset: Sendable {
    /// Where it is asked for; the second is that of moto's server, whose test suites call it.
    static let paths: Set<String> = ["/_portico/reset", "/moto-api/reset"]

    let ledger: Ledger
    let logs: LogStore
    let costs: CostLedger
    let home: String?

    /// Answers `POST`.
    func respond(to request: RequestHead) async -> Response {
        guard request.method == "POST" else {
            return Response(status: 405, text: "only POST is allowed here\n")
        }
        do {
            try await wipe()
            var object = JSONObject()
            object["status"] = "ok"
            return Response(
                head: ResponseHead(status: 200, headers: ["Content-Type": "application/json"]),
                body: .bytes(JSONValue.object(object).encoded()[...])
            )
        } catch {
            return Response(status: 500, text: "\(error)\n")
        }
    }

    private func wipe() async throws {
        let stack = Self.stackKeys(home)
        let revision = try await ledger.registry.update { snapshot, _ in
            let functions = Set(
                snapshot.functions.values.map(\.name).filter { name in
                    stack.contains { $0.hasPrefix("function/\(name):") }
                }
            )
            var changes: [Change] = []
            for resource in snapshot.resources
            where !stack.contains(resource.key) && !Self.stays(resource, functions) {
                changes.append(.delete(resource.key))
            }
            for name in Set(snapshot.functions.values.map(\.name)).subtracting(functions) {
                changes.append(.resetVersions(function: name))
            }
            return (changes, snapshot.revision + (changes.isEmpty ? 0 : 1))
        }.value
        logs.removeAll()
        costs.reset()
        if let home {
            let buckets = Set(try await ledger.registry.snapshot().buckets.keys)
            for part in ["buckets", "objects"] {
                let folder = home + "/" + part
                for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                where !buckets.contains(name) {
                    try? FileManager.default.removeItem(atPath: folder + "/" + name)
                }
            }
        }
        await ledger.settle(revision)
    }

    /// What the template brought in, as the node keeps it.
    private static func stackKeys(_ home: String?) -> Set<String> {
        let content = home.flatMap {
            FileManager.default.contents(atPath: $0 + "/stack-keys.json")
        }
        return content.flatMap { try? JSONDecoder().decode(Set<String>.self, from: $0) } ?? []
    }

    /// Whether a resource is the node's own business, or belongs to a function of the template.
    private static func stays(_ resource: Resource, _ functions: Set<String>) -> Bool {
        switch resource {
        case .function(let version): functions.contains(version.name)
        case .alias(let alias): functions.contains(alias.function)
        case .record(let id, _): id.hasPrefix("portico/")
        case .originOverride, .location: true
        default: false
        }
    }
}
