import Foundation
import Testing

/// Distributions that ask viewers for certificates.
@Suite("Viewer mTLS with real clients", .serialized, .timeLimit(.minutes(15)))
struct ViewerCertificateTests {
    @Test("curl comes in with a certificate of the trust store, and boto3 manages the store")
    func certificates() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-mtls-\(UUID().uuidString)")
        let trust = folder.appendingPathComponent("trust")
        try FileManager.default.createDirectory(at: trust, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try "Metadata: { Portico: { Buckets: { trust: ./trust } } }\nResources: {}\n"
            .write(
                to: folder.appendingPathComponent("template.yaml"),
                atomically: true,
                encoding: .utf8
            )
        let node = try RunningNode(["up"], in: folder)
        try PythonClient.run("cloudfront_viewer_mtls.py", against: node, [trust.path])
    }
}
