import JSON

/// The API's lists: a quantity beside the items that it counts.
enum Quantities {
    /// The value with every quantity checked; an empty list loses its items.
    static func checked(_ value: JSONValue) throws(APIError) -> JSONValue {
        switch value {
        case .array(let elements):
            var result: [JSONValue] = []
            for element in elements { result.append(try checked(element)) }
            return .array(result)
        case .object(let object):
            var result = JSONObject()
            for member in object { result[member.key] = try checked(member.value) }
            if let quantity = object["Quantity"]?.int {
                let count = object["Items"]?.array?.count ?? 0
                guard quantity == count else {
                    throw CloudFrontService.error(
                        "InconsistentQuantities",
                        "The value of Quantity and the size of Items don't match."
                    )
                }
                if count == 0 { result["Items"] = nil }
            }
            return .object(result)
        default: return value
        }
    }
}

extension JSONValue {
    /// The items of a list in CloudFront's form.
    var items: [JSONValue] { self["Items"]?.array ?? [] }

    /// The texts of a list in CloudFront's form.
    var texts: [String] { items.compactMap(\.string) }
}
