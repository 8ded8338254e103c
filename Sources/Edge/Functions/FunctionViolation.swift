import Model

/// A rule that a CloudFront Function broke, with what exactly was wrong.
struct FunctionViolation: Error, Equatable {
    var rule: FunctionRule
    /// What goes to the log.
    var detail: String

    /// Makes a violation; without a detail the rule's own text is logged.
    init(_ rule: FunctionRule, _ detail: String = "") {
        self.rule = rule
        self.detail = detail.isEmpty ? rule.text : "\(rule.text) \(detail)"
    }
}
