/// A security policy by AWS's name: the versions of TLS and the ciphers that a door speaks.
///
/// Sources: CloudFront, "Supported protocols and ciphers between viewers and CloudFront"; Elastic Load Balancing,
/// "Security policies for your Application Load Balancer"; API Gateway, "Choose a security policy for your custom
/// domain".
package struct SecurityPolicy: Sendable, Hashable {
    /// A version of TLS, by AWS's spelling.
    package enum Version: Int, Sendable, CaseIterable {
        case tls10, tls11, tls12, tls13

        /// As the APIs write it.
        package var text: String { ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"][rawValue] }
    }

    package let name: String
    package let lowest: Version
    package let highest: Version
    /// Ciphers of TLS 1.3 by their RFC names, in the server's order of preference.
    package let suites: [String]
    /// Ciphers of earlier versions by OpenSSL's names, in the server's order of preference.
    package let ciphers: [String]
    /// What the policy promises and this process can't do; nil when there is nothing.
    package let lacks: String?

    private init(
        _ name: String,
        _ versions: ClosedRange<Int>,
        suites: [String]? = nil,
        ciphers: [String],
        lacks: String? = nil
    ) {
        self.name = name
        lowest = Version(rawValue: versions.lowerBound) ?? .tls12
        highest = Version(rawValue: versions.upperBound) ?? .tls13
        self.suites = versions.upperBound == 3 ? suites ?? Self.allSuites : []
        self.ciphers = versions.lowerBound < 3 ? ciphers : []
        self.lacks = lacks
    }

    /// The versions from the lowest to the highest.
    package var versions: [Version] {
        Version.allCases.filter { (lowest.rawValue...highest.rawValue).contains($0.rawValue) }
    }

    /// Curves of the key exchange, by OpenSSL's names.
    package static let groups = ["X25519", "P-256", "P-384"]

    private static let allSuites = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ]
    private static let noKEM =
        "OpenSSL 3.0 has no ML-KEM: keys are agreed on by elliptic curves alone"
}

// MARK: - CloudFront

extension SecurityPolicy {
    /// A distribution's policy by its name (`MinimumProtocolVersion`); nil when AWS has none of that name.
    package static func distribution(_ name: String) -> SecurityPolicy? {
        switch name {
        case "SSLv3":
            SecurityPolicy(
                name,
                0...3,
                ciphers: edge(level: 0),
                lacks: "OpenSSL has no SSL 3.0: the lowest version is TLS 1.0"
            )
        case "TLSv1", "TLSv1_2016": SecurityPolicy(name, 0...3, ciphers: edge(level: 0))
        case "TLSv1.1_2016": SecurityPolicy(name, 1...3, ciphers: edge(level: 0))
        case "TLSv1.2_2018": SecurityPolicy(name, 2...3, ciphers: edge(level: 1))
        case "TLSv1.2_2019": SecurityPolicy(name, 2...3, ciphers: edge(level: 2))
        case "TLSv1.2_2021": SecurityPolicy(name, 2...3, ciphers: edge(level: 3))
        case "TLSv1.2_2025":
            SecurityPolicy(
                name,
                2...3,
                suites: Array(allSuites.prefix(2)),
                ciphers: edge(level: 4),
                lacks: noKEM
            )
        case "TLSv1.3_2025": SecurityPolicy(name, 3...3, ciphers: [], lacks: noKEM)
        default: nil
        }
    }

    /// Ciphers in the order of AWS's table; each level leaves out what the policies before it still had.
    private static func edge(level: Int) -> [String] {
        let families = ["ECDSA", "RSA"].flatMap { family in
            [
                ("AES128-GCM-SHA256", 4), ("AES128-SHA256", 2), ("AES128-SHA", 0),
                ("AES256-GCM-SHA384", 4), ("CHACHA20-POLY1305", 3), ("AES256-SHA384", 2),
                ("AES256-SHA", 0),
            ].map { ("ECDHE-\(family)-\($0.0)", $0.1) }
        }
        let plain = [
            ("AES128-GCM-SHA256", 1), ("AES256-GCM-SHA384", 1), ("AES128-SHA256", 1),
            ("AES256-SHA", 0), ("AES128-SHA", 0),
        ]
        return (families + plain).filter { $0.1 >= level }.map(\.0)
    }
}

// MARK: - Load balancers and APIs

extension SecurityPolicy {
    private static let prefix = "ELBSecurityPolicy-"
    private static let postQuantum = "-PQ-2025-09"

    /// What a listener speaks that names no policy.
    package static let listenerDefault = "ELBSecurityPolicy-2016-08"

    /// Name without its prefix, versions, groups of ciphers as `balancerCiphers` has them.
    private static let listenerTable: [(name: String, versions: ClosedRange<Int>, groups: String)] =
        [
            ("TLS13-1-3-2021-06", 3...3, ""), ("TLS13-1-2-Res-2021-06", 2...3, "A"),
            ("TLS13-1-2-2021-06", 2...3, "AB"), ("TLS13-1-2-Ext1-2021-06", 2...3, "ABD"),
            ("TLS13-1-2-Ext2-2021-06", 2...3, "ABCDE"), ("TLS13-1-1-2021-06", 1...3, "ABCDE"),
            ("TLS13-1-0-2021-06", 0...3, "ABCDE"), ("FS-1-2-Res-2020-10", 2...2, "A"),
            ("FS-1-2-Res-2019-08", 2...2, "AB"), ("FS-1-2-2019-08", 2...2, "ABC"),
            ("FS-1-1-2019-08", 1...2, "ABC"), ("FS-2018-06", 0...2, "ABC"),
            ("TLS-1-2-Ext-2018-06", 2...2, "ABCDE"), ("TLS-1-2-2017-01", 2...2, "ABD"),
            ("TLS-1-1-2017-01", 1...2, "ABCDE"), ("2016-08", 0...2, "ABCDE"),
            ("2015-05", 0...2, "ABCDE"), ("TLS-1-0-2015-04", 0...2, "ABCDEF"),
        ]

    private static let balancerCiphers: [(name: String, group: Character)] = [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "A"), ("ECDHE-RSA-AES128-GCM-SHA256", "A"),
        ("ECDHE-ECDSA-AES128-SHA256", "B"), ("ECDHE-RSA-AES128-SHA256", "B"),
        ("ECDHE-ECDSA-AES128-SHA", "C"), ("ECDHE-RSA-AES128-SHA", "C"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "A"), ("ECDHE-RSA-AES256-GCM-SHA384", "A"),
        ("ECDHE-ECDSA-AES256-SHA384", "B"), ("ECDHE-RSA-AES256-SHA384", "B"),
        ("ECDHE-RSA-AES256-SHA", "C"), ("ECDHE-ECDSA-AES256-SHA", "C"),
        ("AES128-GCM-SHA256", "D"), ("AES128-SHA256", "D"), ("AES128-SHA", "E"),
        ("AES256-GCM-SHA384", "D"), ("AES256-SHA256", "D"), ("AES256-SHA", "E"),
        ("DES-CBC3-SHA", "F"),
    ]

    /// A listener's policy by its name (`SslPolicy`); nil when it is not one that is known here.
    ///
    /// A post-quantum policy is the one it extends, without what it adds.
    package static func listener(_ name: String) -> SecurityPolicy? {
        guard name.hasPrefix(prefix) else { return nil }
        var rest = String(name.dropFirst(prefix.count))
        let isPostQuantum = rest.hasSuffix(postQuantum)
        if isPostQuantum { rest = rest.dropLast(postQuantum.count) + "-2021-06" }
        guard let row = listenerTable.first(where: { $0.name == rest }) else { return nil }
        return SecurityPolicy(
            name,
            row.versions,
            ciphers: balancerCiphers.filter { row.groups.contains($0.group) }.map(\.name),
            lacks: isPostQuantum ? noKEM : nil
        )
    }

    /// Every listener policy that is known here, without the post-quantum ones.
    package static var listenerPolicies: [SecurityPolicy] {
        listenerTable.compactMap { listener(prefix + $0.name) }
    }

    /// The policy of a custom domain name of an API: `TLS_1_0` or `TLS_1_2`; nil for another name.
    package static func api(_ name: String) -> SecurityPolicy? {
        switch name {
        case "TLS_1_0":
            SecurityPolicy(name, 0...2, ciphers: listener(listenerDefault)?.ciphers ?? [])
        case "TLS_1_2": SecurityPolicy(name, 2...3, ciphers: edge(level: 2))
        default: nil
        }
    }
}
