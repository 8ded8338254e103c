package import DataPlane
import Edge
import Glibc
import Model
import TLS

extension FrontDoors {
    /// Asks a distribution's connection function about a viewer, and keeps the line of the connection's log.
    ///
    /// Both are of distributions that want certificates of viewers ("Mutual TLS authentication with
    /// CloudFront"); all other connections are let in.
    package func admit(_ opening: ConnectionOpening) -> ConnectionVerdict {
        guard let name = opening.viewer.serverName, let gate = gate(of: name) else {
            return .admitted(id: nil)
        }
        let id = ConnectionLog.makeID()
        var status = opening.failure.map(ConnectionFailure.status) ?? "Success"
        var customData = ""
        if opening.failure == nil, let function = gate.function {
            let connection = ConnectionFunction.object(
                opening.viewer,
                distribution: gate.distribution,
                connectionID: id
            )
            let outcome = functions.decide(function, connection, on: opening.reactor)
            customData = outcome.customData
            let group = "/aws/cloudfront/connection-function/\(function.name) \(id)"
            for line in outcome.logs { log("\(group) \(line)") }
            if let failure = outcome.failure {
                status = "Failed:ConnectionFunctionError"
                log("\(group) ERROR \(failure)")
            } else if !outcome.isAllowed {
                status = "Failed:ConnectionFunctionDenied"
            }
        }
        let line = ConnectionLog.line(
            opening,
            distribution: gate.distribution,
            connectionID: id,
            status: status,
            customData: customData
        )
        realTimeLogs.append(line, ofConnectionsTo: gate.distribution, in: streams, opening)
        return status == "Success" ? .admitted(id: id) : .refused
    }
}

/// What decides about connections to one distribution.
struct ConnectionGate: Sendable {
    let distribution: String
    /// Nil where every certificate that is valid is enough.
    var function: ViewerFunction?

    /// The gate of a distribution; nil where viewers need no certificates.
    init?(_ distribution: Distribution, _ snapshot: Snapshot, _ host: FunctionHost) {
        guard distribution.viewerAuthentication != nil else { return nil }
        self.distribution = distribution.id
        guard let id = distribution.connectionFunctionID else { return }
        let record = snapshot.records[ConnectionFunctionRecord.key(id)]
        function =
            record.flatMap {
                ViewerFunction(
                    record: $0,
                    stage: "LIVE",
                    in: snapshot,
                    host: host,
                    kind: .connection
                )
            }
            // One that is gone lets nobody in.
            ?? ViewerFunction(name: id, runtime: .two, code: "", kind: .connection)
    }
}

/// Why a handshake failed, in the words of connection logs.
enum ConnectionFailure {
    /// What the log says of a handshake that failed.
    static func status(of error: TLSError) -> String {
        "Failed:" + code(of: error)
    }

    private static func code(of error: TLSError) -> String {
        switch error.kind {
        case .verification(let number): verification[number] ?? "ClientCertInvalid"
        case .truncated: "TcpError"
        case .system(let number): number == ETIMEDOUT ? "TcpTimeout" : "TcpError"
        case .configuration: "Internal"
        case .rejected:
            error.description.contains("did not return a certificate")
                ? "ClientCertMissing" : "UnmappedConnectionError"
        }
    }

    /// OpenSSL's results of a verification, as in its `x509_vfy.h`.
    private static let verification = [
        2: "ClientCertUntrusted", 9: "ClientCertNotYetValid", 10: "ClientCertExpired",
        18: "ClientCertUntrusted", 19: "ClientCertUntrusted", 20: "ClientCertUntrusted",
        21: "ClientCertUntrusted", 22: "ClientCertMaxChainDepthExceeded",
        23: "ClientCertRejected", 24: "ClientCertUntrusted", 26: "ClientCertIntentInvalid",
        27: "ClientCertUntrusted", 28: "ClientCertRejected", 66: "ClientCertTypeUnsupported",
        67: "ClientCertTypeUnsupported", 68: "ClientCertTypeUnsupported",
    ]
}
