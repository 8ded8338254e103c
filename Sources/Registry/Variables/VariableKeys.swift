import Crypto
import Foundation
import Glibc
import Synchronization

/// The keys with which the variables of functions are sealed wherever they are kept.
///
/// The first one seals, each of them opens. Without keys variables are kept as they are. Source: "Securing Lambda
/// environment variables": Lambda encrypts them at rest.
package final class VariableKeys: Sendable {
    /// The name of the keys' file in a state folder.
    package static let fileName = "variables.key"

    struct Key {
        let bytes: [UInt8]
        /// What tells keys apart, in sealed text.
        let name: String

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            name = String(Digest.hex(Digest.sha256(bytes)).prefix(12))
        }
    }

    private let keys: Mutex<[Key]>

    /// Keys of 32 bytes; with none, variables are kept as they are until `use` names some.
    package init(_ keys: [[UInt8]] = []) { self.keys = Mutex(keys.map(Key.init)) }

    /// Names the key to seal with; call before anything is read or written.
    package func use(_ key: [UInt8]) { keys.withLock { $0.insert(Key(key), at: 0) } }

    var all: [Key] { keys.withLock { $0 } }

    /// The keys of a file, which is made when it is missing.
    ///
    /// Each line is a key of 64 hexadecimal digits; lines that begin with `#` are notes.
    /// - Throws: `RegistryError` when the file is none of keys, or others than its owner may read it.
    package static func open(file: String) throws -> VariableKeys {
        if !FileManager.default.fileExists(atPath: file) {
            let text =
                "# Seals the environment variables of functions. The first key seals, each opens; without it they are lost.\n"
                + Digest.hex(RandomBytes.make(SealedBytes.keySize)) + "\n"
            try DurableFile.write(Array(text.utf8), to: file)
        }
        return try read(file: file)
    }

    /// The keys of a file that exists.
    /// - Throws: `RegistryError` as `open(file:)`.
    package static func read(file: String) throws -> VariableKeys {
        var status = stat()
        guard stat(file, &status) == 0, let data = FileManager.default.contents(atPath: file) else {
            throw RegistryError(.storage, "the keys of variables, \(file), cannot be read")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw RegistryError(
                .storage,
                "\(file) can be read by others than its owner: chmod 600 \(file)"
            )
        }
        var keys: [[UInt8]] = []
        for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
        where !line.hasPrefix("#") {
            let digits = line.trimmingCharacters(in: .whitespaces)
            guard let key = bytes(ofHex: digits), key.count == SealedBytes.keySize else {
                throw RegistryError(
                    .corrupt,
                    "\(file) holds a line that is no key of 64 hexadecimal digits"
                )
            }
            keys.append(key)
        }
        guard !keys.isEmpty else { throw RegistryError(.corrupt, "\(file) holds no key") }
        return VariableKeys(keys)
    }

    private static func bytes(ofHex text: String) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }
}
