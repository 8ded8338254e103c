import COpenSSL
import Glibc
import Synchronization

/// Why the authority could not serve.
package struct AuthorityError: Error, Equatable, CustomStringConvertible {
    /// The class of a failure.
    package enum Kind: Sendable, Equatable {
        /// The node does not serve this name.
        case notServed
        /// The text is not a name that a certificate can carry.
        case invalidName
        /// A file is not readable, not writable or not what it should be.
        case storage
        /// The cryptographic library refused.
        case cryptography
    }

    package let kind: Kind
    /// One sentence for a log line.
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static func system(_ text: String) -> AuthorityError {
        AuthorityError(.storage, "\(text): \(String(cString: strerror(errno)))")
    }
}

/// A leaf with all that a listener needs.
package struct LeafCertificate: Sendable, Equatable {
    /// The leaf, then its authority.
    package let chainPEM: [UInt8]
    package let keyPEM: [UInt8]
    /// The end of validity in seconds since 1970.
    package let notAfter: Int
}

/// What `portico certs` shows of one certificate.
package struct CertificateSummary: Sendable, Equatable, CustomStringConvertible {
    package let path: String
    package let isAuthority: Bool
    package let name: String
    /// Seconds since 1970.
    package let notBefore: Int
    /// Seconds since 1970.
    package let notAfter: Int
    package let fingerprintSHA256: String
    /// Whether the authority of today signed it.
    package let isCurrent: Bool

    /// One line for a terminal, with dates in UTC.
    package var description: String {
        let kind = isAuthority ? "authority" : "leaf"
        let note = isCurrent ? "" : "  (not by this authority: renewed when next asked for)"
        return "\(kind)  \(name)  \(Self.date(notBefore)) to \(Self.date(notAfter))"
            + "  sha256 \(fingerprintSHA256.prefix(16))  \(path)\(note)"
    }

    private static func date(_ seconds: Int) -> String {
        var instant = time_t(seconds)
        var parts = tm()
        gmtime_r(&instant, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }
}

/// A certificate authority of this machine that mints exact leaves for the names it serves.
package final class LocalAuthority: Sendable {
    /// How many leaves are kept on disk and in memory; the oldest makes room.
    package static let maximumLeaves = 1024
    /// How long a leaf is valid, in seconds.
    package static let leafLife = 90 * 86400
    /// How long the authority is valid, in seconds.
    package static let authorityLife = 3653 * 86400
    /// How far validity begins in the past, for clocks that are behind.
    static let backdating = 3600

    private let directory: String
    private let serves: @Sendable (String) -> Bool
    let now: @Sendable () -> Int
    let certificate: Certificate
    let key: PrivateKey
    private let leaves = Mutex<[ServerName: LeafCertificate]>([:])

    /// The path of the authority's certificate.
    package var certificatePath: String { directory + "/ca.pem" }

    /// The authority's certificate.
    package var certificatePEM: [UInt8] { certificate.pem }

    private var leavesDirectory: String { directory + "/leaves" }
    private var lockPath: String { directory + "/.lock" }

    /// Opens the authority in a folder; the first time makes it.
    ///
    /// The folder holds `ca.pem`, `ca-key.pem` and `leaves/`. `now` is the clock in seconds since
    /// 1970; `serves` says whether this node answers for a lower-case name or an address.
    package init(
        directory: String,
        now: @escaping @Sendable () -> Int = { time(nil) },
        serves: @escaping @Sendable (String) -> Bool
    ) throws(AuthorityError) {
        self.directory = directory
        self.serves = serves
        self.now = now
        try SafeFile.makeDirectory(directory, mode: 0o755)
        try SafeFile.makeDirectory(directory + "/leaves", mode: 0o700)
        let lock = try FileLock(directory + "/.lock")
        defer { lock.release() }
        (certificate, key) = try Self.open(directory, now: now())
    }

    private static func open(
        _ directory: String,
        now: Int
    ) throws(AuthorityError) -> (Certificate, PrivateKey) {
        let path = directory + "/ca.pem"
        let keyPath = directory + "/ca-key.pem"
        guard let pem = try SafeFile.read(path) else {
            return try create(path: path, keyPath: keyPath, now: now)
        }
        guard let keyPEM = try SafeFile.read(keyPath) else {
            throw AuthorityError(
                .storage,
                "\(path) is there but its key \(keyPath) is not; restore it or remove both"
            )
        }
        guard let certificate = Certificate.parse(pem), let key = PrivateKey.parse(keyPEM) else {
            throw AuthorityError(.storage, "\(path) or \(keyPath) is not PEM; remove both")
        }
        guard certificate.belongs(to: key) else {
            throw AuthorityError(.storage, "\(keyPath) is not the key of \(path); remove both")
        }
        guard certificate.notAfter > now else {
            throw AuthorityError(.storage, "\(path) has expired; remove it and \(keyPath)")
        }
        guard chmod(keyPath, 0o600) == 0 else { throw .system("\(keyPath) can't be made private") }
        return (certificate, key)
    }

    private static func create(
        path: String,
        keyPath: String,
        now: Int
    ) throws(AuthorityError) -> (Certificate, PrivateKey) {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let hostName = String(
            decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        let request = CertificateRequest(
            commonName: "Portico Local CA \(hostName)",
            role: .authority,
            notBefore: now - backdating,
            notAfter: now + authorityLife
        )
        guard let key = PrivateKey.generate(),
            let certificate = Certificate.make(request, key: key, issuer: nil, issuerKey: key)
        else { throw AuthorityError(.cryptography, "the local authority could not be made") }
        // The certificate comes last: with it the pair is complete.
        try SafeFile.write(key.pem, to: keyPath, mode: 0o600)
        try SafeFile.write(certificate.pem, to: path, mode: 0o644)
        return (certificate, key)
    }

    /// The leaf for exactly this name: kept, reused, renewed in the last third of its life.
    package func leaf(for name: String) throws(AuthorityError) -> LeafCertificate {
        guard let name = ServerName(name) else {
            throw AuthorityError(.invalidName, "'\(name)' is not a server name")
        }
        guard serves(name.text) else {
            throw AuthorityError(.notServed, "'\(name.text)' is not served here")
        }
        if let known = leaves.withLock({ $0[name] }), isFresh(notAfter: known.notAfter) {
            return known
        }
        let lock = try FileLock(lockPath)
        defer { lock.release() }
        let path = leavesDirectory + "/" + name.fileName
        let leaf: LeafCertificate
        if let stored = try stored(name, at: path) {
            leaf = stored
        } else {
            leaf = try mint(name)
            makeRoom()
            try SafeFile.write(leaf.chainPEM + leaf.keyPEM, to: path, mode: 0o600)
        }
        leaves.withLock { leaves in
            if leaves.count >= Self.maximumLeaves, leaves[name] == nil, let any = leaves.keys.first
            {
                leaves[any] = nil
            }
            leaves[name] = leaf
        }
        return leaf
    }

    private func isFresh(notAfter: Int) -> Bool {
        let left = notAfter - now()
        return left >= Self.leafLife / 3 && left <= Self.leafLife
            || notAfter == certificate.notAfter && left > 0
    }

    private func stored(
        _ name: ServerName,
        at path: String
    ) throws(AuthorityError) -> LeafCertificate? {
        guard let content = try SafeFile.read(path),
            let leaf = Certificate.parse(content), let key = PrivateKey.parse(content),
            leaf.belongs(to: key), leaf.names(name), leaf.isSigned(by: certificate),
            isFresh(notAfter: leaf.notAfter)
        else { return nil }
        return LeafCertificate(
            chainPEM: leaf.pem + certificate.pem,
            keyPEM: key.pem,
            notAfter: leaf.notAfter
        )
    }

    private func mint(_ name: ServerName) throws(AuthorityError) -> LeafCertificate {
        let now = now()
        let request = CertificateRequest(
            commonName: name.text,
            role: .leaf(alternativeName: name.alternativeName),
            notBefore: now - Self.backdating,
            notAfter: min(now + Self.leafLife, certificate.notAfter)
        )
        guard let leafKey = PrivateKey.generate(),
            let leaf = Certificate.make(
                request,
                key: leafKey,
                issuer: certificate,
                issuerKey: key
            )
        else {
            throw AuthorityError(
                .cryptography,
                "no certificate could be made for '\(name.text)'"
            )
        }
        return LeafCertificate(
            chainPEM: leaf.pem + certificate.pem,
            keyPEM: leafKey.pem,
            notAfter: leaf.notAfter
        )
    }

    /// Removes the oldest files until one more fits.
    private func makeRoom() {
        var names = SafeFile.list(leavesDirectory)
        guard names.count >= Self.maximumLeaves else { return }
        names = names.map { (name: $0, age: SafeFile.modified(leavesDirectory + "/" + $0)) }
            .sorted { $0.age < $1.age }.map(\.name)
        for name in names.prefix(names.count - Self.maximumLeaves + 1) {
            unlink(leavesDirectory + "/" + name)
        }
    }

    /// The authority and every leaf on disk, by file name.
    package func inventory() -> [CertificateSummary] {
        var found = [summary(of: certificate, at: certificatePath, isAuthority: true)]
        for name in SafeFile.list(leavesDirectory) where name.hasSuffix(".pem") {
            let path = leavesDirectory + "/" + name
            guard let content = try? SafeFile.read(path), let leaf = Certificate.parse(content)
            else { continue }
            found.append(summary(of: leaf, at: path, isAuthority: false))
        }
        return found
    }

    private func summary(
        of shown: Certificate,
        at path: String,
        isAuthority: Bool
    ) -> CertificateSummary {
        CertificateSummary(
            path: path,
            isAuthority: isAuthority,
            name: shown.commonName,
            notBefore: shown.notBefore,
            notAfter: shown.notAfter,
            fingerprintSHA256: shown.fingerprint,
            isCurrent: shown.isSigned(by: certificate)
        )
    }
}
