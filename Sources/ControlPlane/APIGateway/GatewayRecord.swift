import JSON
import Model
import Registry

/// What the API Gateway API knows of one HTTP API: its own members and its parts by id.
struct GatewayRecord: Sendable {
    let id: String
    var api: JSONObject
    private var sections: JSONObject

    static func key(_ id: String) -> String { "gateway/api/" + id }

    /// Makes the record of a new API.
    init(id: String, api: JSONObject) {
        self.id = id
        self.api = api
        sections = JSONObject()
    }

    /// Reads what is known; nil when there is no such API.
    ///
    /// An API of a template, or one that a template has changed since, has the parts that follow from what
    /// edges serve.
    init?(_ id: String, in snapshot: Snapshot, started: Double) {
        guard let served = snapshot.apis[id] else { return nil }
        if let document = snapshot.record(Self.key(id)), let api = document["Api"]?.object {
            var kept = GatewayRecord(id: id, api: api)
            kept.sections = document["Sections"]?.object ?? JSONObject()
            if (try? GatewayBuilder(record: kept, snapshot: snapshot).build()) == served {
                self = kept
                return
            }
        }
        self = GatewayOutput.record(of: served, started: started)
    }

    /// The parts of a kind by their ids.
    subscript(kind: GatewayKind) -> JSONObject {
        get { sections[kind.section]?.object ?? JSONObject() }
        set { sections[kind.section] = newValue.isEmpty ? nil : .object(newValue) }
    }

    func save(to draft: inout Draft) {
        var document = JSONObject()
        document["Api"] = .object(api)
        document["Sections"] = .object(sections)
        draft.setRecord(Self.key(id), document)
    }

    var arn: String { "arn:aws:apigateway:us-east-1::/apis/\(id)" }
}
