/// From what builds before numbered forms wrote: members that came since get the values they stand for.
enum StateFormatStep1 {
    /// Members with their values, by kind and the place of their object; `[]` is each element of an array.
    static var additions: [(kind: String, place: [String], member: String, value: Any)] {
        [
            ("distribution", [], "originGroups", [Any]()),
            ("distribution", [], "geoRestriction", ["kind": "none", "countries": [Any]()]),
            ("distribution", ["origins", "[]"], "originAccessIdentity", ""),
            ("distribution", ["origins", "[]"], "originAccessControlID", ""),
            ("distribution", ["behaviors", "[]"], "trustedKeyGroups", [Any]()),
            ("distribution", ["behaviors", "[]", "cachePolicy"], "name", ""),
            ("distribution", ["behaviors", "[]", "cachePolicy"], "comment", ""),
            ("distribution", ["behaviors", "[]", "originRequestPolicy"], "name", ""),
            ("distribution", ["behaviors", "[]", "originRequestPolicy"], "comment", ""),
            ("distribution", ["behaviors", "[]", "originRequestPolicy"], "addedHeaders", [Any]()),
            ("api", [], "authorizers", [Any]()),
            ("api", [], "disablesDefaultEndpoint", false),
            ("api", ["routes", "[]"], "authorization", ["none": [String: Any]()]),
            ("api", ["routes", "[]"], "requestChanges", [Any]()),
            // A dictionary whose keys are numbers is written as an object.
            ("api", ["routes", "[]"], "responseChanges", [String: Any]()),
            ("loadBalancer", [], "attributes", [String: Any]()),
            ("loadBalancer", ["listeners", "[]"], "attributes", [String: Any]()),
            ("loadBalancer", ["listeners", "[]", "rules", "[]"], "transforms", [Any]()),
            ("targetGroup", [], "version", "HTTP1"),
            ("targetGroup", [], "attributes", [String: Any]()),
            ("targetGroup", ["healthCheck"], "isGRPC", false),
        ]
    }

    static func upgrade(_ kind: String, _ value: inout [String: Any]) {
        for addition in additions where addition.kind == kind {
            value = add(addition.member, addition.value, at: addition.place[...], to: value)
        }
        if kind == "api", value["stages"] == nil { value["stages"] = [stage(of: value)] }
    }

    private static func add(
        _ member: String,
        _ value: Any,
        at place: ArraySlice<String>,
        to object: [String: Any]
    ) -> [String: Any] {
        var object = object
        guard let next = place.first else {
            if object[member] == nil { object[member] = value }
            return object
        }
        if place.dropFirst().first == "[]" {
            guard let elements = object[next] as? [[String: Any]] else { return object }
            object[next] = elements.map { add(member, value, at: place.dropFirst(2), to: $0) }
        } else if let inside = object[next] as? [String: Any] {
            object[next] = add(member, value, at: place.dropFirst(), to: inside)
        }
        return object
    }

    /// An API had one stage, by its name and variables.
    private static func stage(of api: [String: Any]) -> [String: Any] {
        [
            "name": api["stage"] ?? "$default",
            "variables": api["stageVariables"] ?? [String: Any](),
            "routeLimits": [String: Any](),
        ]
    }
}
