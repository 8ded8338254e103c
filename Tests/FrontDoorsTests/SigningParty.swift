import Foundation
import Testing
import Testkit

@testable import FrontDoors

/// Someone with an RSA key who signs tokens; the key is made anew for each run.
struct SigningParty {
    private let folder: String
    let modulus: String

    init() throws {
        folder = NSTemporaryDirectory() + "portico-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try Self.openssl(["genrsa", "-out", folder + "/key.pem", "2048"])
        let text = try Self.openssl(["rsa", "-in", folder + "/key.pem", "-noout", "-modulus"])
        let digits = String(decoding: text, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines).dropFirst("Modulus=".count)
        var bytes: [UInt8] = []
        var rest = digits
        while !rest.isEmpty {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
        modulus = Self.url(bytes)
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    /// The key set that an issuer publishes.
    var keySet: String {
        #"{"keys":[{"kty":"RSA","kid":"k1","alg":"RS256","n":"\#(modulus)","e":"AQAB"}]}"#
    }

    /// A token with these claims as JSON.
    func token(_ claims: String, header: String = #"{"alg":"RS256","kid":"k1"}"#) throws -> String {
        let signed = Self.url(Array(header.utf8)) + "." + Self.url(Array(claims.utf8))
        let path = folder + "/" + UUID().uuidString
        try signed.write(toFile: path, atomically: true, encoding: .utf8)
        let signature = try Self.openssl(
            ["dgst", "-sha256", "-sign", folder + "/key.pem", path]
        )
        return signed + "." + Self.url(signature)
    }

    private static func url(_ bytes: [UInt8]) -> String {
        Base64Text.encode(bytes[...]).replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    }

    private static func openssl(_ arguments: [String]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.start()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return Array(bytes)
    }
}
