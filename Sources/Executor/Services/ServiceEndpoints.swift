/// Where AWS services are for this node: none is asked that was not named.
///
/// A name in the template's `Metadata: Portico: Endpoints:` comes first, then the variables of AWS's own clients.
package struct ServiceEndpoints: Sendable {
    private let overrides: @Sendable () -> [String: String]
    private let variables: @Sendable (String) -> String?

    /// Makes a look-up; `overrides` gives the places of AWS's host names, `variables` those of the process.
    package init(
        overrides: @escaping @Sendable () -> [String: String],
        variables: @escaping @Sendable (String) -> String?
    ) {
        self.overrides = overrides
        self.variables = variables
    }

    /// The host name that stands for a service in every region.
    package static func name(of service: ServiceKind) -> String {
        service.hostPrefix + ".amazonaws.com"
    }

    /// The URL of a service in a region; nil when none is named.
    func url(of service: ServiceKind, region: String) -> String? {
        let places = overrides()
        for host in ["\(service.hostPrefix).\(region).amazonaws.com", Self.name(of: service)] {
            if let place = places[host] { return place }
        }
        for name in service.variables.map({ "AWS_ENDPOINT_URL_" + $0 }) + ["AWS_ENDPOINT_URL"] {
            if let place = variables(name), !place.isEmpty { return place }
        }
        return nil
    }

    /// What to tell somebody whose service has no endpoint.
    static func advice(_ service: ServiceKind) -> String {
        "no endpoint is named for \(service.rawValue): set Metadata.Portico.Endpoints."
            + "\(service.rawValue) in the template or AWS_ENDPOINT_URL_"
            + "\(service.variables.first ?? "")"
    }
}
