import HTTP
import JSON
import Registry

/// What an edge says of itself.
package struct AppliedReport: Sendable, Equatable {
    package var name: String
    /// The last revision that is applied and recorded on disk.
    package var revision: Int
    package var error: String?
    /// How often the state differed from the primary's and was taken anew.
    package var repairs: Int
    /// What edges that follow this one have said to it, with the seconds since.
    package var followers: [Follower] = []

    /// An edge behind a relay.
    package struct Follower: Sendable, Equatable {
        package var name: String
        package var revision: Int
        package var error: String?
        package var repairs: Int
        package var address: String
        /// Unit: seconds.
        package var age: Double
    }

    init(name: String, revision: Int, repairs: Int) {
        self.name = name
        self.revision = revision
        self.repairs = repairs
    }

    /// Reads what `encoded` wrote; nil when it is no report.
    init?(encoded: [UInt8]) {
        guard let value = try? JSONValue.parse(encoded[...]), let name = value["name"]?.string,
            let revision = value["revision"]?.int, let repairs = value["repairs"]?.int
        else { return nil }
        self.init(name: name, revision: revision, repairs: repairs)
        error = value["error"]?.string
        for item in value["followers"]?.array ?? [] {
            guard let follower = Follower(item) else { return nil }
            followers.append(follower)
        }
    }

    /// The report as it goes over the wire.
    func encoded() -> [UInt8] {
        var writer = JSONWriter(reserving: 128)
        writer.beginObject()
        writer.field("name", name)
        writer.field("revision", revision)
        writer.field("repairs", repairs)
        if let error { writer.field("error", error) }
        if !followers.isEmpty {
            writer.key("followers")
            writer.beginArray()
            for follower in followers { follower.write(to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }
}

extension AppliedReport.Follower {
    fileprivate init?(_ value: JSONValue) {
        guard let name = value["name"]?.string, let revision = value["revision"]?.int,
            let repairs = value["repairs"]?.int, let address = value["address"]?.string,
            let age = value["age"]?.double
        else { return nil }
        self.name = name
        self.revision = revision
        self.repairs = repairs
        self.address = address
        self.age = age
        error = value["error"]?.string
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("name", name)
        writer.field("revision", revision)
        writer.field("repairs", repairs)
        writer.field("address", address)
        writer.key("age")
        writer.double(age)
        if let error { writer.field("error", error) }
        writer.endObject()
    }
}
