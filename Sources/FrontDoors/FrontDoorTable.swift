package import Model

/// Which door a host name leads to.
package enum DoorKey: Sendable, Hashable {
    case distribution(String)
    /// By ARN.
    case loadBalancer(String)
    case api(String)
    /// A custom domain name, by name.
    case domain(String)
    /// By the id in its host name.
    case functionURL(String)
}

/// The host names of a snapshot.
package struct FrontDoorTable: Sendable {
    /// Where a name leads.
    package enum Destination: Sendable, Equatable {
        case door(DoorKey)
        /// The page that lists the doors.
        case index
        case unknown
    }

    /// A door with the names under which it can be reached on this machine.
    package struct Entry: Sendable, Equatable {
        package var key: DoorKey
        package var title: String
        package var names: [String]
    }

    private var exact: [String: DoorKey] = [:]
    /// The part after `*`, with its dot; the longest first.
    private var wildcards: [(suffix: String, key: DoorKey)] = []
    private var balancerNames: [String: DoorKey] = [:]
    private let onlyDistribution: DoorKey?
    private let edges: Set<String>
    /// All doors, for the page that lists them.
    package private(set) var entries: [Entry] = []

    /// Reads the names out of a snapshot.
    package init(_ snapshot: Snapshot, edges: [String] = []) {
        self.edges = Set(edges.map { $0.lowercased() })
        // Staging distributions are reached through their primary alone.
        let distributions = snapshot.distributions.values.filter { $0.isStaging != true }
            .sorted { $0.id < $1.id }
        let only = distributions.count == 1 ? distributions.first : nil
        onlyDistribution = only.map { .distribution($0.id) }
        for distribution in distributions { add(distribution) }
        for balancer in snapshot.loadBalancers.values.sorted(by: { $0.name < $1.name }) {
            let key = DoorKey.loadBalancer(balancer.arn)
            let name = balancer.name.lowercased()
            balancerNames[name] = key
            exact[name + ".elb.localhost"] = key
            entries.append(
                Entry(key: key, title: "Load balancer", names: [name + ".elb.localhost"])
            )
        }
        for api in snapshot.apis.values.sorted(by: { $0.id < $1.id }) {
            add(api: api.id, title: "HTTP API")
        }
        for api in snapshot.restAPIs.values.sorted(by: { $0.id < $1.id }) {
            add(api: api.id, title: "REST API")
        }
        for api in snapshot.webSocketAPIs.values.sorted(by: { $0.id < $1.id }) {
            add(api: api.id, title: "WebSocket API")
        }
        for domain in snapshot.domains.values.sorted(by: { $0.name < $1.name }) {
            let names = Self.withLocal(domain.name.lowercased())
            add(names, .domain(domain.name))
            entries.append(
                Entry(key: .domain(domain.name), title: "Custom domain", names: names)
            )
        }
        for (id, placed) in snapshot.functionURLs.sorted(by: { $0.key < $1.key }) {
            let name = id.lowercased() + ".lambda-url.us-east-1"
            add([name + ".localhost", name + ".on.aws"], .functionURL(id))
            entries.append(
                Entry(
                    key: .functionURL(id),
                    title: "URL of \(placed.function)",
                    names: [name + ".localhost"]
                )
            )
        }
        wildcards.sort { ($0.suffix.count, $1.suffix) > ($1.suffix.count, $0.suffix) }
    }

    private mutating func add(api id: String, title: String) {
        let name = id.lowercased() + ".execute-api"
        add([name + ".localhost", name + ".us-east-1.amazonaws.com"], .api(id))
        entries.append(Entry(key: .api(id), title: title, names: [name + ".localhost"]))
    }

    private mutating func add(_ distribution: Distribution) {
        let key = DoorKey.distribution(distribution.id)
        let id = distribution.id.lowercased()
        let names =
            [id + ".cloudfront.localhost"]
            + distribution.aliases.flatMap { Self.withLocal($0.lowercased()) }
        add(names + [id + ".cloudfront.net"], key)
        entries.append(Entry(key: key, title: "Distribution", names: names))
    }

    /// A name and its form under `.localhost`.
    private static func withLocal(_ name: String) -> [String] {
        name.hasSuffix(".localhost") ? [name] : [name, name + ".localhost"]
    }

    private mutating func add(_ names: [String], _ key: DoorKey) {
        for name in names {
            if name.hasPrefix("*.") {
                wildcards.append((String(name.dropFirst()), key))
            } else if exact[name] == nil {
                exact[name] = key
            }
        }
    }

    /// The door of a host name; letter case, a port and a final dot do not matter.
    package func destination(of host: String) -> Destination {
        let name = Self.normalized(host)
        if let key = exact[name] { return .door(key) }
        if isPlain(name) { return onlyDistribution.map { .door($0) } ?? .index }
        if let key = balancer(name) { return .door(key) }
        for (suffix, key) in wildcards where name.count > suffix.count && name.hasSuffix(suffix) {
            return .door(key)
        }
        return .unknown
    }

    /// All exact names, with the plain ones of this machine when they lead to a door.
    var names: [String: DoorKey] {
        var all = exact
        if let onlyDistribution {
            for name in ["localhost", "127.0.0.1", "::1"] where all[name] == nil {
                all[name] = onlyDistribution
            }
        }
        return all
    }

    /// The edge that a host name chooses: `<edge>.edge.localhost`.
    package func edge(of host: String) -> String? { Self.edge(in: Self.normalized(host), edges) }

    /// Whether a certificate for this name may be made.
    package func serves(_ name: String) -> Bool { destination(of: name) != .unknown }

    private func isPlain(_ name: String) -> Bool {
        name.isEmpty || ["localhost", "127.0.0.1", "::1"].contains(name)
            || Self.edge(in: name, edges) != nil
    }

    private static func edge(in name: String, _ edges: Set<String>) -> String? {
        let suffix = ".edge.localhost"
        guard name.hasSuffix(suffix) else { return nil }
        let edge = String(name.dropLast(suffix.count))
        return edges.contains(edge) ? edge : nil
    }

    /// `name-1234567890.us-east-1.elb.amazonaws.com`, with `internal-` before it or not.
    private func balancer(_ name: String) -> DoorKey? {
        guard name.hasSuffix(".elb.amazonaws.com") else { return nil }
        var label = name.prefix { $0 != "." }
        if label.hasPrefix("internal-") { label = label.dropFirst(9) }
        if let key = balancerNames[String(label)] { return key }
        guard let dash = label.lastIndex(of: "-"),
            label[label.index(after: dash)...].allSatisfy(\.isNumber)
        else { return nil }
        return balancerNames[String(label[..<dash])]
    }

    static func normalized(_ host: String) -> String {
        var name = host.lowercased()
        if name.hasPrefix("[") {
            return String(name.dropFirst().prefix { $0 != "]" })
        }
        if name.filter({ $0 == ":" }).count == 1, let colon = name.firstIndex(of: ":") {
            name = String(name[..<colon])
        }
        if name.hasSuffix(".") { name.removeLast() }
        return name
    }
}
