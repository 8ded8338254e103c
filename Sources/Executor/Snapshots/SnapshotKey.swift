import Model

/// Which environments are copied from the same process.
struct SnapshotKey: Hashable, Sendable {
    let version: FunctionVersion
    /// The name that the function sees, which differs at edges.
    let name: String
    let region: String

    init(_ identity: FunctionIdentity) {
        version = identity.version
        name = identity.name
        region = identity.region
    }

    /// `name:version`.
    var function: String { version.qualifiedName }
}
