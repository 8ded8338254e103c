package import Model

/// What logs say of the distribution that shares its requests with a staging one.
///
/// Source: "Use real-time access logs", primary-distribution-id.
package struct PrimaryDistribution: Sendable {
    let id: String
    let domain: String

    /// Takes the names of a distribution.
    package init(_ distribution: Distribution) {
        id = distribution.id
        domain = distribution.domainName
    }
}
