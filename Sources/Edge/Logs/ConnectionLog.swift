import Crypto
package import DataPlane
import Glibc
import JSON
import Telemetry

/// One line for each connection to a distribution that asks viewers for certificates.
///
/// Source: "Connection logs for viewer mTLS".
package enum ConnectionLog {
    /// The line of a connection, as JSON with a line end.
    package static func line(
        _ opening: ConnectionOpening,
        distribution: String,
        connectionID: String,
        status: String,
        customData: String,
        clock: () -> Double = now
    ) -> [UInt8] {
        let viewer = opening.viewer
        let facts = viewer.certificateDER.flatMap { CertificateFacts(der: $0) }
        var writer = JSONWriter(reserving: 512)
        writer.beginObject()
        writer.field("eventTimestamp", Int(clock() * 1000))
        writer.field("connectionId", connectionID)
        writer.field("connectionStatus", status)
        writer.field("clientIp", viewer.address)
        writer.field("clientPort", viewer.port)
        writer.field("serverIp", "127.0.0.1")
        writer.field("distributionId", distribution)
        writer.field("distributionTenantId", "-")
        writer.field("tlsProtocol", viewer.tlsProtocol ?? "-")
        writer.field("tlsCipher", viewer.tlsCipher ?? "-")
        writer.field("tlsHandshakeDuration", opening.duration / 1000)
        writer.field("tlsSni", viewer.serverName ?? "-")
        writer.field("clientLeafCertSerialNumber", facts?.serialNumber ?? "-")
        writer.field("clientLeafCertSubject", facts?.subject ?? "-")
        writer.field("clientLeafCertIssuer", facts?.issuer ?? "-")
        let validity = facts.map {
            "NotBefore=\(ConnectionFunction.time($0.notBefore));"
                + "NotAfter=\(ConnectionFunction.time($0.notAfter))"
        }
        writer.field("clientLeafCertValidity", validity ?? "-")
        writer.field("connectionLogCustomData", customData.isEmpty ? "-" : customData)
        writer.endObject()
        return writer.bytes + [10]
    }

    /// Unit: seconds since 1970.
    package static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A name for a connection.
    package static func makeID() -> String { ExchangeID.make().description }
}

extension RealTimeLogs {
    /// Keeps the line of a connection, in a file of the distribution's own.
    package func append(
        _ line: [UInt8],
        ofConnectionsTo distribution: String,
        in folder: String,
        _ opening: ConnectionOpening
    ) {
        let stream = "connections-\(distribution)"
        append(line, to: stream, at: .file("\(folder)/\(stream).log"), on: opening.reactor)
    }
}
