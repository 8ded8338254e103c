import JSON

/// What an extension wants to be sent, how much at a time, and where to.
///
/// Pure. Source: "Lambda Telemetry API reference".
struct TelemetrySubscription: Equatable {
    /// The kinds of events.
    enum Category: String, CaseIterable { case platform, function, `extension` }

    /// Where events go: a port of this environment.
    enum Destination: Equatable {
        case http(port: Int, path: String)
        case tcp(port: Int)
    }

    /// When what has gathered is sent.
    struct Buffering: Equatable {
        /// How many are sent at a time, at most.
        ///
        /// Range: 1000…10000.
        var items = 10_000
        /// How much is sent at a time, at most.
        ///
        /// Unit: bytes. Range: 262144…1048576.
        var bytes = 262_144
        /// How long the first of a batch waits.
        ///
        /// Unit: milliseconds. Range: 25…30000.
        var timeout = 1000
    }

    /// Why a body was refused.
    struct Refusal: Error, Equatable { var message: String }

    private static let schemas: Set<String> = ["2022-07-01", "2022-12-13", "2025-01-29"]
    /// The names by which an environment reaches itself.
    private static let hosts: Set<String> = ["sandbox.localdomain", "sandbox"]

    private(set) var categories: [Category] = []
    private(set) var buffering = Buffering()
    private(set) var destination: Destination

    /// Reads the body of a subscription.
    init(_ json: JSONValue) throws(Refusal) {
        destination = try Self.destination(json["destination"])
        let schema = json["schemaVersion"]?.string ?? ""
        guard Self.schemas.contains(schema) else {
            throw Refusal(message: "schemaVersion: '\(schema)' is not supported")
        }
        for value in json["types"]?.array ?? [] {
            guard let category = value.string.flatMap(Category.init(rawValue:)) else {
                throw Refusal(message: "types: \(value.text) is not supported")
            }
            if !categories.contains(category) { categories.append(category) }
        }
        guard !categories.isEmpty else { throw Refusal(message: "types: at least one is needed") }
        let given = json["buffering"]
        buffering.items = try Self.number(given, "maxItems", 1000...10_000, buffering.items)
        buffering.bytes = try Self.number(given, "maxBytes", 262_144...1_048_576, buffering.bytes)
        buffering.timeout = try Self.number(given, "timeoutMs", 25...30_000, buffering.timeout)
    }

    private static func number(
        _ json: JSONValue?,
        _ name: String,
        _ range: ClosedRange<Int>,
        _ usual: Int
    ) throws(Refusal) -> Int {
        guard let value = json?[name], !value.isNull else { return usual }
        guard let number = value.int, range.contains(number) else {
            let bounds = "\(range.lowerBound) and \(range.upperBound)"
            throw Refusal(message: "buffering.\(name): \(value.text) is not between \(bounds)")
        }
        return number
    }

    private static func destination(_ json: JSONValue?) throws(Refusal) -> Destination {
        switch json?["protocol"]?.string ?? "" {
        case "TCP":
            guard let port = json?["port"]?.int, (1...65_535).contains(port) else {
                throw Refusal(message: "destination.port: a number from 1 to 65535 is wanted")
            }
            return .tcp(port: port)
        case "HTTP":
            let text = json?["URI"]?.string ?? ""
            guard let place = place(text) else {
                let message =
                    "destination.URI: '\(text)' is no address like http://sandbox.localdomain:8080"
                throw Refusal(message: message)
            }
            return place
        case let other: throw Refusal(message: "destination.protocol: '\(other)' is not supported")
        }
    }

    private static func place(_ text: String) -> Destination? {
        guard text.lowercased().hasPrefix("http://") else { return nil }
        let rest = text.dropFirst("http://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash].split(separator: ":", omittingEmptySubsequences: false)
        guard let host = authority.first, hosts.contains(host.lowercased()), authority.count <= 2
        else { return nil }
        let port = authority.count == 2 ? Int(authority[1]) ?? 0 : 80
        guard (1...65_535).contains(port) else { return nil }
        return .http(port: port, path: slash == rest.endIndex ? "/" : String(rest[slash...]))
    }
}
