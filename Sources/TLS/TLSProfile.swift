/// What a server agrees to in a handshake.
package struct TLSProfile: Sendable, Hashable {
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion
    /// Ciphers of TLS 1.3, in order of preference.
    package var suites: [String]
    /// Ciphers of earlier versions by OpenSSL's names, in order of preference; unknown ones are left out.
    package var ciphers: [String]
    /// Groups of the key exchange by OpenSSL's names, in order of preference.
    package var groups: [String]

    /// Makes a profile.
    package init(
        minimumVersion: TLSVersion,
        maximumVersion: TLSVersion,
        suites: [String],
        ciphers: [String],
        groups: [String]
    ) {
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.suites = suites
        self.ciphers = ciphers
        self.groups = groups
    }

    /// Authenticated ciphers with forward secrecy, from TLS 1.2 on.
    ///
    /// Source: Mozilla, "Server Side TLS", the intermediate configuration without finite-field groups.
    package static let intermediate = TLSProfile(
        minimumVersion: .tls12,
        maximumVersion: .tls13,
        suites: [
            "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        ],
        ciphers: ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].flatMap {
            ["ECDHE-ECDSA-\($0)", "ECDHE-RSA-\($0)"]
        },
        groups: ["X25519", "P-256", "P-384"]
    )

    /// The ciphers as one list; what signs with SHA-1, as TLS 1.0 and 1.1 do, needs OpenSSL's level 0.
    var cipherList: String {
        (ciphers + (minimumVersion.number < TLSVersion.tls12.number ? ["@SECLEVEL=0"] : []))
            .joined(separator: ":")
    }
    var suiteList: String { suites.joined(separator: ":") }
    var groupList: String { groups.joined(separator: ":") }
}

/// What differs for one server name from the context's own options.
package struct ServerNameRules: Sendable, Hashable {
    package var profile: TLSProfile?
    /// Protocols offered by ALPN, in order of preference; nil for the context's own.
    package var applicationProtocols: [String]?
    /// What is asked of clients' certificates; nil for the context's own.
    package var clients: ClientCertificateRules?

    /// Makes rules.
    package init(
        profile: TLSProfile? = nil,
        applicationProtocols: [String]? = nil,
        clients: ClientCertificateRules? = nil
    ) {
        self.profile = profile
        self.applicationProtocols = applicationProtocols
        self.clients = clients
    }
}
