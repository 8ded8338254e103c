import Crypto
import Foundation
import JSON
import Model
import Registry

/// Changes in the making: what is read comes from the registry's current state, what is written is
/// committed with it as one revision.
struct Draft {
    private(set) var snapshot: Snapshot
    /// The highest number ever given to a version of each function.
    let versionCounters: [String: Int]
    private(set) var changes: [Change] = []

    init(_ snapshot: Snapshot, versionCounters: [String: Int]) {
        self.snapshot = snapshot
        self.versionCounters = versionCounters
    }

    /// The revision that these changes become.
    var revision: Int { snapshot.revision + 1 }

    mutating func put(_ resource: Resource) { apply(.put(resource)) }

    mutating func delete(_ resource: Resource) { apply(.delete(resource.key)) }

    mutating func apply(_ change: Change) {
        changes.append(change)
        snapshot = snapshot.applying([change], revision: snapshot.revision)
    }

    /// The document that an API keeps under `service/kind/id`.
    func record(_ id: String) -> JSONObject? { snapshot.record(id) }

    /// Keeps a document, or removes it when it is nil.
    mutating func setRecord(_ id: String, _ document: JSONObject?) {
        if let document {
            put(.record(id: id, document: JSONValue.object(document).text))
        } else if snapshot.records[id] != nil {
            apply(.delete("record/" + id))
        }
    }
}

extension Snapshot {
    /// The document that an API keeps under `service/kind/id`.
    func record(_ id: String) -> JSONObject? {
        records[id].flatMap { text in (try? JSONValue.parse(text))?.object }
    }

    /// The ids and documents of a kind, sorted by id.
    func records(of kind: String) -> [(id: String, document: JSONObject)] {
        records.keys.filter { $0.hasPrefix(kind + "/") }.sorted().compactMap { key in
            record(key).map { (String(key.dropFirst(kind.count + 1)), $0) }
        }
    }
}

/// What services need of the node's state.
struct Ledger: Sendable {
    let registry: PrimaryRegistry
    let edges: @Sendable () -> [ReplicaStatus]
    /// How long a function stays replicated after its last association has gone from every edge.
    var replicaRemovalDelay = Duration.zero
    /// Tells when an edge has applied something.
    var applied = AppliedSignal()

    func snapshot() async throws(APIError) -> Snapshot {
        do { return try await registry.snapshot() } catch { throw .service(error) }
    }

    /// Commits what the body does to a draft, or nothing when it throws.
    func change<Value: Sendable>(
        _ body: @Sendable (inout Draft) throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        do {
            return try await registry.update { snapshot, counters in
                var draft = Draft(snapshot, versionCounters: counters)
                let value = try body(&draft)
                RemovedReplicas.note(since: snapshot, in: &draft)
                return (draft.changes, value)
            }.value
        } catch let error as APIError {
            throw error
        } catch {
            throw .service(error)
        }
    }

    /// Whether every live edge has applied a revision: what AWS calls active, successful or deployed.
    func isEverywhere(_ revision: Int) -> Bool {
        edges().allSatisfy { !$0.isLive || $0.revision >= revision }
    }

    /// How long a call waits for edges that are about to apply a change.
    private static let settleLimit = Duration.seconds(1)

    /// Waits a moment for every edge to apply a revision, so that readers seldom meet a change half-way.
    ///
    /// True when every edge has it.
    @discardableResult
    func settle(_ revision: Int) async -> Bool {
        await applied.wait(until: .now + Self.settleLimit) { isEverywhere(revision) }
    }

    /// Waits a moment for every edge to apply what was committed last: a call may use at once what the one
    /// before it has made.
    func settleLatest() async {
        guard let revision = try? await registry.snapshot().revision else { return }
        await settle(revision)
    }

    /// A random id in the form of a UUID.
    static func uuid() -> String { UUID().uuidString.lowercased() }

    /// An id in the form of a UUID that a text always gives.
    static func uuid(of text: String) -> String {
        let hex = Digest.hex(Digest.sha256(text).prefix(16))
        var result = ""
        for (index, digit) in hex.enumerated() {
            if [8, 12, 16, 20].contains(index) { result += "-" }
            result.append(digit)
        }
        return result
    }

    /// Random letters of an alphabet.
    static func random(_ count: Int, of alphabet: String) -> String {
        let letters = Array(alphabet)
        return String(RandomBytes.make(count).map { letters[Int($0) % letters.count] })
    }
}
