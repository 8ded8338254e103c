import ArgumentParser
import Executor
import Foundation

/// Access keys in the form of AWS's shared credentials file.
///
/// Source: AWS SDKs and Tools Reference Guide, "Using shared config and credentials files".
enum CredentialsFile {
    /// The largest file.
    ///
    /// Unit: bytes.
    static let maximumSize = 1 << 20

    /// Reads every profile's key.
    /// - Throws: `ValidationError` that says what is wrong and where.
    static func read(_ path: String) throws -> SigningKeys {
        guard let content = FileManager.default.contents(atPath: path),
            content.count <= maximumSize
        else { throw ValidationError("--credentials: \(path) cannot be read") }
        return try parse(String(decoding: content, as: UTF8.self), path)
    }

    static func parse(_ text: String, _ path: String) throws -> SigningKeys {
        var secrets: [String: String] = [:]
        var tokens: [String: String] = [:]
        var profile: [String: String] = [:]
        func finish() throws {
            defer { profile = [:] }
            guard let key = profile["aws_access_key_id"] else { return }
            guard let secret = profile["aws_secret_access_key"] else {
                throw ValidationError("--credentials: \(path): \(key) has no aws_secret_access_key")
            }
            secrets[key] = secret
            tokens[key] = profile["aws_session_token"]
        }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if trimmed.isEmpty || trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if trimmed.hasPrefix("["), trimmed.hasSuffix("]") {
                try finish()
                continue
            }
            let parts = trimmed.split(separator: "=", maxSplits: 1)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2 else {
                throw ValidationError(
                    "--credentials: \(path):\(index + 1): 'name = value' is wanted"
                )
            }
            profile[parts[0].lowercased()] = parts[1]
        }
        try finish()
        guard !secrets.isEmpty else {
            throw ValidationError("--credentials: \(path) holds no aws_access_key_id")
        }
        return SigningKeys(secrets: secrets, tokens: tokens)
    }
}
