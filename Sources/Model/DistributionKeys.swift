/// A public key that checks signed URLs and cookies.
///
/// Source: "Specify signers that can create signed URLs and signed cookies".
package struct PublicKey: Sendable, Codable, Hashable {
    package var id: String
    package var name: String
    package var comment = ""
    /// The key in PEM: RSA with 2048 bits or ECDSA on P-256.
    package var encodedKey: String

    /// Makes a key.
    package init(id: String, name: String, encodedKey: String) {
        self.id = id
        self.name = name
        self.encodedKey = encodedKey
    }
}

/// Public keys of which any may have signed.
package struct KeyGroup: Sendable, Codable, Hashable {
    package var id: String
    package var name: String
    package var comment = ""
    /// The ids of public keys.
    package var keys: [String]

    /// Makes a group.
    package init(id: String, name: String, keys: [String]) {
        self.id = id
        self.name = name
        self.keys = keys
    }
}
