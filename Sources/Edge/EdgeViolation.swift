package import Model

/// A rule that a function broke, with what exactly was wrong.
package struct EdgeViolation: Error, Sendable, Equatable {
    package var rule: EdgeRule
    /// What goes to the log.
    package var detail: String

    /// Makes a violation; without a detail the rule's own text is logged.
    package init(_ rule: EdgeRule, _ detail: String = "") {
        self.rule = rule
        self.detail = detail.isEmpty ? rule.text : detail
    }
}

/// The sizes that functions and viewers must keep to.
///
/// Unit: bytes. Source: "Quotas", "Restrictions on Lambda@Edge".
package enum EdgeLimits {
    package static let viewerBody = 40 << 10
    package static let originBody = 1 << 20
    /// 53.2 KB of base64 text stand for 40 KB.
    package static let viewerBodyBase64 = 54_476
    /// 1.33 MB of base64 text stand for 1 MB.
    package static let originBodyBase64 = 1_394_606
    package static let uriAndQuery = 8192
    /// A request line with its headers, or the headers of a response.
    package static let head = 32_768
    /// Unit: distributions that one request may pass.
    package static let chainedDistributions = 2
    /// Unit: doors of this process.
    package static let depth = 10
    /// The largest event answer taken from a function.
    package static let result = 6 << 20
}
