import Glibc

/// The versions of the protocol that are spoken.
package enum TLSVersion: Int32, Sendable, Hashable {
    case tls10 = 0x0301
    case tls11 = 0x0302
    case tls12 = 0x0303
    case tls13 = 0x0304

    var number: Int32 { rawValue }
}

/// How a server context behaves.
package struct TLSServerOptions: Sendable {
    /// Protocols offered by ALPN, in order of preference.
    package var applicationProtocols: [String]
    /// What is agreed to for a name without rules of its own.
    package var profile = TLSProfile.intermediate
    /// What a name asks for instead; asked in each handshake, on its thread, with the name in lower case.
    package var rules: (@Sendable (String) -> ServerNameRules?)?
    /// After this time a new key seals tickets; the two before it still open them.
    package var ticketKeyLifetime = Duration.seconds(6 * 3600)
    /// Where session secrets are appended, in the format that Wireshark reads.
    package var keyLogPath: String?
    /// PEM files of authorities; when not empty every client is asked for a certificate of theirs.
    package var clientAuthorityFiles: [String] = []
    /// Whether a client without a certificate is turned away in the handshake.
    package var requiresClientCertificate = true

    /// Makes options; the key log follows SSLKEYLOGFILE.
    package init(applicationProtocols: [String] = ["h2", "http/1.1"]) {
        self.applicationProtocols = applicationProtocols
        keyLogPath = environmentKeyLog()
    }
}

/// How a client context behaves.
package struct TLSClientOptions: Sendable {
    package var applicationProtocols: [String]
    package var minimumVersion: TLSVersion = .tls12
    package var maximumVersion: TLSVersion = .tls13
    /// Whether the system's authorities are trusted.
    package var trustsSystemRoots = true
    /// PEM files of further authorities.
    package var authorityFiles: [String] = []
    /// Whether sessions are kept per server name and resumed.
    package var reusesSessions = true
    package var keyLogPath: String?
    /// The certificate shown to servers that ask for one.
    package var certificate: CertificateAndKey?

    /// Makes options; the key log follows SSLKEYLOGFILE.
    package init(applicationProtocols: [String] = ["http/1.1"]) {
        self.applicationProtocols = applicationProtocols
        keyLogPath = environmentKeyLog()
    }
}

private func environmentKeyLog() -> String? {
    guard let value = getenv("SSLKEYLOGFILE") else { return nil }
    let path = String(cString: value)
    return path.isEmpty ? nil : path
}
