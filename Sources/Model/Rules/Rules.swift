/// A rule of AWS that is enforced here.
package struct Rule: Sendable, Hashable {
    /// Stable and unique, such as `edge.header.read-only`.
    package var id: String
    /// The title of the page of AWS's guide that states it.
    package var page: String
    /// The status that the viewer or the caller gets.
    package var status: Int
    /// The sentence that AWS gives.
    package var text: String
    /// What breaks it.
    package var example: String

    /// Makes a rule.
    package init(id: String, page: String, status: Int, text: String, example: String) {
        self.id = id
        self.page = page
        self.status = status
        self.text = text
        self.example = example
    }
}

/// Every rule that is enforced here, for people and for documentation.
package enum Rules {
    /// All rules, by id.
    package static let all: [Rule] =
        (EdgeRule.allCases.map(\.rule) + ViewerRule.allCases.map(\.rule)
        + FunctionRule.allCases.map(\.rule) + DistributionRule.allCases.map(\.rule)
        + APIRule.allCases.map(\.rule)).sorted { $0.id < $1.id }
}

extension EdgeRule {
    /// The entry of the catalogue.
    package var rule: Rule {
        Rule(id: rawValue, page: title, status: status, text: text, example: example)
    }
}
