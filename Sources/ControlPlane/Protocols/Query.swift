import HTTP

/// The parameters of a query string or a form, percent-decoded and in order.
struct Query: Sendable {
    let pairs: [(name: String, value: String)]

    /// Reads `a=b&c`; in a form a plus sign is a space.
    init(_ text: String?, plusIsSpace: Bool = false) {
        pairs = QueryString.pairs(text ?? "").map { pair in
            let name = PercentCoding.decode(pair.name, plusIsSpace: plusIsSpace) ?? pair.name
            let value = pair.value ?? ""
            return (name, PercentCoding.decode(value, plusIsSpace: plusIsSpace) ?? value)
        }
    }

    /// Joins two lists, the first one first.
    init(pairs: [(name: String, value: String)]) { self.pairs = pairs }

    /// The first value of a name.
    subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// Every value of a name, in order.
    func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// A piece of a path without its escapes; as it came when they are malformed.
    static func decoded(_ text: Substring) -> String {
        PercentCoding.decode(String(text)) ?? String(text)
    }
}
