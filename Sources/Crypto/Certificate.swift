import COpenSSL
import Glibc

/// A private key on the curve P-256.
final class PrivateKey: @unchecked Sendable {
    // SAFETY: the key is immutable; libcrypto's reference counts are atomic.
    let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    static func generate() -> PrivateKey? { portico_generate_p256().map(PrivateKey.init) }

    static func parse(_ pem: [UInt8]) -> PrivateKey? {
        ERR_clear_error()
        return PEM.reading(pem) { bio in
            PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }.map(PrivateKey.init)
    }

    var pem: [UInt8] {
        PEM.writing { PEM_write_bio_PKCS8PrivateKey($0, pointer, nil, nil, 0, nil, nil) }
    }
}

/// What a new certificate says.
struct CertificateRequest {
    enum Role {
        case authority
        case leaf(alternativeName: String)
        /// A client, which also serves under a name when it has one.
        case member(alternativeName: String?)
    }

    var commonName: String
    var role: Role
    var notBefore: Int
    var notAfter: Int
}

/// An X.509 certificate.
final class Certificate: @unchecked Sendable {
    // SAFETY: the certificate is immutable once made; libcrypto's reference counts are atomic.
    let pointer: OpaquePointer

    private init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }

    /// The first certificate of a PEM text.
    static func parse(_ pem: [UInt8]) -> Certificate? {
        ERR_clear_error()
        return PEM.reading(pem) { PEM_read_bio_X509($0, nil, nil, nil) }.map(Certificate.init)
    }

    /// The certificate in DER.
    static func parse(der: [UInt8]) -> Certificate? {
        ERR_clear_error()
        return der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var cursor = bytes.baseAddress
            return d2i_X509(nil, &cursor, bytes.count)
        }.map(Certificate.init)
    }

    /// Signs a certificate for a key; without an issuer the certificate signs itself.
    static func make(
        _ request: CertificateRequest,
        key: PrivateKey,
        issuer: Certificate?,
        issuerKey: PrivateKey
    ) -> Certificate? {
        make(request, publicKey: key.pointer, issuer: issuer, issuerKey: issuerKey)
    }

    /// Signs a certificate for a key of which only the public half is here.
    static func make(
        _ request: CertificateRequest,
        publicKey: OpaquePointer,
        issuer: Certificate?,
        issuerKey: PrivateKey
    ) -> Certificate? {
        ERR_clear_error()
        guard let pointer = X509_new() else { return nil }
        let made = Certificate(pointer)
        guard X509_set_version(pointer, 2) == 1,
            made.setSerial(),
            made.setName(request.commonName),
            ASN1_TIME_set(X509_getm_notBefore(pointer), request.notBefore) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), request.notAfter) != nil,
            X509_set_issuer_name(
                pointer,
                X509_get_subject_name(issuer?.pointer ?? pointer)
            ) == 1,
            X509_set_pubkey(pointer, publicKey) == 1
        else { return nil }
        for (identifier, value) in extensions(of: request.role) {
            guard made.add(identifier, value, issuer: issuer) else { return nil }
        }
        return X509_sign(pointer, issuerKey.pointer, EVP_sha256()) > 0 ? made : nil
    }

    private static func extensions(of role: CertificateRequest.Role) -> [(Int32, String)] {
        switch role {
        case .authority:
            [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ]
        case .leaf(let alternativeName):
            [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"),
                (NID_subject_alt_name, alternativeName),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"),
            ]
        case .member(let alternativeName):
            [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"),
            ]
                + (alternativeName.map {
                    [
                        (NID_ext_key_usage, "clientAuth,serverAuth"),
                        (NID_subject_alt_name, $0),
                    ]
                } ?? [(NID_ext_key_usage, "clientAuth")])
        }
    }

    private func setSerial() -> Bool {
        var bytes = RandomBytes.make(16)
        bytes[0] = bytes[0] & 0x7F | 0x40
        guard let number = BN_bin2bn(bytes, Int32(bytes.count), nil) else { return false }
        defer { BN_free(number) }
        return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil
    }

    private func setName(_ commonName: String) -> Bool {
        // X.520 ends a common name at 64 characters.
        let text = Array(commonName.utf8.prefix(64))
        let name = X509_get_subject_name(pointer)
        return X509_NAME_add_entry_by_NID(
            name,
            NID_commonName,
            0x1000 /* MBSTRING_UTF8 */,
            text,
            Int32(text.count),
            -1,
            0
        ) == 1
    }

    private func add(_ identifier: Int32, _ value: String, issuer: Certificate?) -> Bool {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer?.pointer ?? pointer, pointer, nil, nil, 0)
        guard let made = X509V3_EXT_nconf_nid(nil, &context, identifier, value) else {
            return false
        }
        defer { X509_EXTENSION_free(made) }
        return X509_add_ext(pointer, made, -1) == 1
    }

    var pem: [UInt8] { PEM.writing { PEM_write_bio_X509($0, pointer) } }

    var notBefore: Int { Self.seconds(X509_get0_notBefore(pointer)) }

    var notAfter: Int { Self.seconds(X509_get0_notAfter(pointer)) }

    var commonName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = X509_NAME_get_text_by_NID(
            X509_get_subject_name(pointer),
            NID_commonName,
            &buffer,
            Int32(buffer.count)
        )
        guard count > 0 else { return "" }
        return String(
            decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }

    var fingerprint: String {
        var bytes = [UInt8](repeating: 0, count: 32)
        _ = X509_digest(pointer, EVP_sha256(), &bytes, nil)
        return Digest.hex(bytes)
    }

    func isSigned(by authority: Certificate) -> Bool {
        ERR_clear_error()
        return X509_check_issued(authority.pointer, pointer) == X509_V_OK
            && X509_verify(pointer, X509_get0_pubkey(authority.pointer)) == 1
    }

    func belongs(to key: PrivateKey) -> Bool {
        ERR_clear_error()
        return X509_check_private_key(pointer, key.pointer) == 1
    }

    func names(_ name: ServerName) -> Bool {
        name.isAddress
            ? X509_check_ip_asc(pointer, name.text, 0) == 1
            : X509_check_host(pointer, name.text, name.text.utf8.count, 0, nil) == 1
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
        return timegm(&parts)
    }
}

/// Texts in and out of libcrypto.
enum PEM {
    static func reading(
        _ pem: [UInt8],
        _ body: (OpaquePointer) -> OpaquePointer?
    ) -> OpaquePointer? {
        pem.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return nil
            }
            defer { BIO_free(bio) }
            return body(bio)
        }
    }

    static func writing(_ body: (OpaquePointer) -> Int32) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { return [] }
        defer { BIO_free(bio) }
        guard body(bio) == 1 else { return [] }
        var start: UnsafeMutablePointer<CChar>?
        let count = portico_bio_memory(bio, &start)
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
