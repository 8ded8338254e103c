/// Which environments are the same: those of one function version at one place.
struct PoolKey: Hashable, Sendable {
    /// `name:version`.
    let function: String
    /// The edge (`iad`), nil for the home region.
    let edge: String?
}
