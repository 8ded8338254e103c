import FrontDoors
import JSON
import Model
import Registry

/// Invalidations reach an edge as records of the registry.
enum Invalidation {
    private static let prefix = "cloudfront/invalidation/"

    /// Makes the doors forget what new revisions name; a whole new state forgets everything.
    static func carryOut(_ revisions: [Revision]?, at doors: FrontDoors) {
        guard let revisions else {
            doors.invalidate { _ in true }
            return
        }
        for change in revisions.flatMap(\.changes) {
            guard case .put(.record(let id, let document)) = change, id.hasPrefix(prefix),
                let record = try? JSONValue.parse(document),
                record["Status"]?.string == "InProgress",
                let distribution = id.dropFirst(prefix.count).split(separator: "/").first
            else { continue }
            let paths = record["InvalidationBatch"]?["Paths"]?["Items"]?.array ?? []
            doors.invalidate(
                distribution: String(distribution),
                paths: paths.compactMap(\.string)
            )
        }
    }
}
