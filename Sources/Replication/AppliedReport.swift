import Registry

/// What an edge says of itself.
package struct AppliedReport: Sendable, Codable, Equatable {
    package var name: String
    /// The last revision that is applied and recorded on disk.
    package var revision: Int
    package var error: String?
    /// How often the state differed from the primary's and was taken anew.
    package var repairs: Int
    /// What edges that follow this one have said to it, with the seconds since.
    package var followers: [Follower] = []

    /// An edge behind a relay.
    package struct Follower: Sendable, Codable, Equatable {
        package var name: String
        package var revision: Int
        package var error: String?
        package var repairs: Int
        package var address: String
        /// Unit: seconds.
        package var age: Double
    }
}
