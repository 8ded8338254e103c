import JSON

/// A data type of a service model.
struct Shape: Sendable {
    /// The kinds of shapes that the models use.
    enum Kind: String, Sendable {
        case structure, list, map, string, character, blob, boolean, integer, long, float, double,
            timestamp
    }

    /// How an exception shape is answered.
    struct ErrorTrait: Sendable {
        /// What the wire says when it differs from the shape's name.
        var code: String?
        var status: Int?
    }

    let name: String
    let kind: Kind
    /// Of a structure, in the model's order.
    let members: [Member]
    let required: [String]
    /// The element of a list.
    let element: Member?
    /// Key and value of a map.
    let key: Member?
    let value: Member?
    let minimum: Double?
    let maximum: Double?
    let pattern: String?
    let values: [String]
    /// The member that is the whole body.
    let payload: String?
    let isFlattened: Bool
    let isEventStream: Bool
    let timestampFormat: String?
    let error: ErrorTrait?

    init(name: String, _ json: JSONValue) {
        self.name = name
        kind = json["type"]?.string.flatMap(Kind.init) ?? .string
        members = (json["members"]?.object?.members ?? []).map { Member(name: $0.key, $0.value) }
        required = (json["required"]?.array ?? []).compactMap(\.string)
        element = json["member"].map { Member(name: "member", $0) }
        key = json["key"].map { Member(name: "key", $0) }
        value = json["value"].map { Member(name: "value", $0) }
        minimum = json["min"]?.double
        maximum = json["max"]?.double
        pattern = json["pattern"]?.string
        values = (json["enum"]?.array ?? []).compactMap(\.string)
        payload = json["payload"]?.string
        isFlattened = json["flattened"]?.bool ?? false
        isEventStream = json["eventstream"]?.bool ?? false
        timestampFormat = json["timestampFormat"]?.string
        error = json["error"].map {
            ErrorTrait(code: $0["code"]?.string, status: $0["status"]?.int)
        }
    }

    func member(_ name: String) -> Member? { members.first { $0.name == name } }
}

/// A use of a shape: a member of a structure, a list's element, a map's key or value.
struct Member: Sendable {
    /// Where a request or response carries it.
    enum Location: String, Sendable {
        case uri, querystring, header, headers, statusCode
    }

    let name: String
    let shape: String
    let location: Location?
    /// The name on the wire when it differs.
    let locationName: String?
    let isFlattened: Bool
    let timestampFormat: String?
    let xmlNamespace: String?

    init(name: String, _ json: JSONValue) {
        self.name = name
        shape = json["shape"]?.string ?? ""
        location = json["location"]?.string.flatMap(Location.init)
        locationName = json["locationName"]?.string
        isFlattened = json["flattened"]?.bool ?? false
        timestampFormat = json["timestampFormat"]?.string
        xmlNamespace = json["xmlNamespace"]?["uri"]?.string
    }

    var wireName: String { locationName ?? name }
}
