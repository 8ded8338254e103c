/// Where edges enrol and renew: the primary's own office, or through a relay the one above it.
package protocol EdgeOffice: Sendable {
    /// The authority's certificate, in PEM.
    func authorityPEM() async throws -> [UInt8]
    /// Certifies a key for the edge that a token names, once; returns the chain in PEM.
    func enrol(token: String, request: [UInt8]) async throws -> [UInt8]
    /// Certifies a new key for an enrolled edge; returns the chain in PEM.
    func renew(name: String, request: [UInt8]) async throws -> [UInt8]
}
