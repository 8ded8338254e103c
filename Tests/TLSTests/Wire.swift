import Crypto
import Foundation
import TLS
import Testing

/// A folder with an authority, gone after the test.
final class Workshop: Sendable {
    let path: String
    let authority: LocalAuthority

    init(now: @escaping @Sendable () -> Int = { Int(time(nil)) }) throws {
        path = NSTemporaryDirectory() + "portico-" + Digest.hex(RandomBytes.make(8))
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        authority = try LocalAuthority(
            directory: path,
            now: now,
            serves: { $0 != "unknown.test" }
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func pair(_ name: String) throws -> CertificateAndKey {
        let leaf = try authority.leaf(for: name)
        return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
    }

    /// Leaves for whatever is asked; the default name is app.test.
    func store() -> CertificateStore {
        let authority = authority
        return CertificateStore { name in
            guard let leaf = try? authority.leaf(for: name ?? "app.test") else { return nil }
            return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
        }
    }

    func server(_ change: (inout TLSServerOptions) -> Void = { _ in }) throws -> TLSContext {
        var options = TLSServerOptions()
        change(&options)
        return try TLSContext.server(certificates: store(), options: options)
    }

    func client(_ change: (inout TLSClientOptions) -> Void = { _ in }) throws -> TLSContext {
        var options = TLSClientOptions()
        options.trustsSystemRoots = false
        options.authorityFiles = [authority.certificatePath]
        change(&options)
        return try TLSContext.client(options: options)
    }
}

/// A client and a server over a pair of sockets, stepped by turns.
final class Wire {
    let server: TLSSession
    let client: TLSSession
    private var descriptors: [Int32] = [-1, -1]

    init(
        _ serverContext: TLSContext,
        _ clientContext: TLSContext,
        name: String? = "app.test",
        verifies: Bool = true
    ) throws {
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &descriptors) == 0 else {
            throw TLSError(.system(errno), "no socket pair")
        }
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        server = try TLSSession(accepting: serverContext, descriptor: descriptors[0])
        client = try TLSSession(
            connecting: clientContext,
            descriptor: descriptors[1],
            serverName: name,
            verifies: verifies
        )
    }

    deinit { descriptors.forEach { close($0) } }

    /// Closes one socket under its session.
    func cutServer() {
        shutdown(descriptors[0], Int32(SHUT_RDWR))
    }

    /// Steps both sides until both are done or one fails.
    @discardableResult
    func handshake() -> (server: TLSStep, client: TLSStep) {
        var server = TLSStep.wantRead
        var client = TLSStep.wantWrite
        for _ in 0..<20 {
            if !client.isFinal { client = self.client.handshake() }
            if !server.isFinal { server = self.server.handshake() }
            if client.isFinal, server.isFinal { break }
        }
        return (server, client)
    }

    /// Carries a text from one session to the other.
    static func send(_ text: String, from: TLSSession, to: TLSSession) -> String? {
        let written = Array(text.utf8).withUnsafeBytes { from.write($0) }
        guard written == .bytes(text.utf8.count) else { return nil }
        var buffer = [UInt8](repeating: 0, count: 65536)
        var received: [UInt8] = []
        while case .bytes(let count) = buffer.withUnsafeMutableBytes({ to.read(into: $0) }) {
            received += buffer[..<count]
        }
        return String(decoding: received, as: UTF8.self)
    }

    static func read(_ session: TLSSession) -> TLSIO {
        var buffer = [UInt8](repeating: 0, count: 1024)
        return buffer.withUnsafeMutableBytes { session.read(into: $0) }
    }
}

extension TLSStep {
    var isFinal: Bool {
        switch self {
        case .done, .failed: true
        case .wantRead, .wantWrite: false
        }
    }

    var error: TLSError? {
        guard case .failed(let error) = self else { return nil }
        return error
    }
}
