import JSON
import Model
import TLS

/// Which versions of TLS and HTTP the viewers of each door may speak.
struct ConnectionRules: Sendable {
    private var byDoor: [DoorKey: ServerNameRules] = [:]
    /// The doors that want to know who knocks, so that a connection made for another is not enough.
    private(set) var authenticated: Set<DoorKey> = []

    /// Reads the rules out of a snapshot.
    init(_ snapshot: Snapshot) {
        for distribution in snapshot.distributions.values {
            let policy = distribution.securityPolicy.flatMap(SecurityPolicy.distribution)
            let refusesHTTP2 = distribution.refusesHTTP2 == true
            let clients = distribution.viewerAuthentication.map { clientRules($0, snapshot) }
            guard policy != nil || refusesHTTP2 || clients != nil else { continue }
            if clients != nil { authenticated.insert(.distribution(distribution.id)) }
            byDoor[.distribution(distribution.id)] = ServerNameRules(
                profile: policy.map { TLSProfile($0) },
                applicationProtocols: refusesHTTP2 ? ["http/1.1"] : nil,
                clients: clients
            )
        }
        for balancer in snapshot.loadBalancers.values {
            // This process's HTTPS port stands for 443.
            let secure = balancer.listeners.filter(\.isTLS)
            guard let listener = secure.first(where: { $0.port == 443 }) ?? secure.first else {
                continue
            }
            let name = listener.securityPolicy ?? SecurityPolicy.listenerDefault
            let speaksHTTP2 = balancer.attribute("routing.http2.enabled") == "true"
            byDoor[.loadBalancer(balancer.arn)] = ServerNameRules(
                profile: SecurityPolicy.listener(name).map { TLSProfile($0) },
                applicationProtocols: speaksHTTP2 ? nil : ["http/1.1"]
            )
        }
    }

    /// What a distribution asks of certificates; a store that is gone or unreadable lets nobody in.
    private func clientRules(
        _ wanted: ViewerAuthentication,
        _ snapshot: Snapshot
    ) -> ClientCertificateRules {
        let record = snapshot.records[TrustStoreRecord.key(wanted.trustStoreID)]
        let bundle = record.flatMap { try? JSONValue.parse($0) }?["Bundle"]?.string
        var rules = ClientCertificateRules(
            mode: .required,
            anchors: bundle.flatMap { try? TrustAnchors(pem: Array($0.utf8)) }
        )
        rules.advertisesNames = wanted.advertisesNames
        rules.ignoresExpiry = wanted.ignoresExpiry
        switch wanted.mode {
        case .required: rules.mode = .required
        case .optional: rules.mode = .optional
        case .passthrough:
            rules.mode = .unchecked
            rules.anchors = nil
        }
        return rules
    }

    subscript(key: DoorKey) -> ServerNameRules? { byDoor[key] }
}

extension TLSProfile {
    /// A security policy in OpenSSL's terms.
    init(_ policy: SecurityPolicy) {
        self.init(
            minimumVersion: TLSVersion(policy.lowest),
            maximumVersion: TLSVersion(policy.highest),
            suites: policy.suites,
            ciphers: policy.ciphers,
            groups: SecurityPolicy.groups
        )
    }
}

extension TLSVersion {
    init(_ version: SecurityPolicy.Version) {
        switch version {
        case .tls10: self = .tls10
        case .tls11: self = .tls11
        case .tls12: self = .tls12
        case .tls13: self = .tls13
        }
    }
}
