import Crypto
package import DataPlane
package import JSON
package import Reactor

/// Runs the functions that decide about viewers' TLS connections.
///
/// Source: "CloudFront Connection Functions".
package enum ConnectionFunction {
    /// What a function made of a connection.
    package struct Outcome: Sendable, Equatable {
        package var isAllowed = false
        /// What it has written into the connection's log.
        package var customData = ""
        /// What went wrong, which refuses the connection; nil when nothing did.
        package var failure: String?
        /// What `console.log` was given.
        package var logs: [String] = []
    }

    /// The most bytes that a function writes into the log of a connection.
    ///
    /// Source: "CloudFront Connection Functions", logCustomData.
    package static let mostCustomData = 800

    /// What stands for the handler: a function of the event that asks the code's own for its verdict.
    ///
    /// Who says nothing denies, and nothing takes a denial back.
    static let handler = """
        typeof connectionHandler!=='function'\
        ?function(){throw new ReferenceError('"connectionHandler" is not a function of the code')}\
        :async function(event){\
        const connection=event.connection;let verdict,custom='';\
        connection.allow=function(){if(verdict===undefined)verdict='allow'};\
        connection.deny=function(){verdict='deny'};\
        connection.logCustomData=function(text){custom=String(text)};\
        await connectionHandler(connection);\
        return{verdict:verdict||'deny',customData:custom}}
        """

    /// The connection as functions see it.
    package static func object(
        _ viewer: Viewer,
        distribution: String,
        connectionID: String
    ) -> JSONValue {
        var object = JSONObject()
        if let facts = viewer.certificateDER.flatMap({ CertificateFacts(der: $0) }) {
            object["clientCertificate"] = [
                "certificates": [
                    "leaf": [
                        "serialNumber": .string(facts.serialNumber),
                        "issuer": .string(facts.issuer), "subject": .string(facts.subject),
                        "validity": [
                            "notBefore": .string(time(facts.notBefore)),
                            "notAfter": .string(time(facts.notAfter)),
                        ],
                        "sha256Fingerprint": .string(facts.sha256),
                    ]
                ]
            ]
        }
        object["clientIp"] = .string(viewer.address)
        object["endpoint"] = .string(viewer.serverName ?? "")
        object["distributionId"] = .string(distribution)
        object["connectionId"] = .string(connectionID)
        return .object(object)
    }

    /// `2026-01-31T12:00:00Z`.
    static func time(_ seconds: Int) -> String {
        let time = LogTime(Double(seconds))
        return "\(time.date)T\(time.time)Z"
    }

    /// The event around a connection.
    static func event(_ connection: JSONValue) -> JSONValue {
        [
            "version": "1.0", "context": ["eventType": "connection-request"],
            "connection": connection,
        ]
    }

    /// The event around the object that a test gives: a connection, or an event with one.
    static func event(of object: [UInt8]) -> [UInt8] {
        guard let value = try? JSONValue.parse(object[...]) else { return object }
        return event(value["connection"] ?? value).encoded()
    }

    /// Reads what a run gave.
    static func read(_ outcome: FunctionOutcome) -> Outcome {
        var result = Outcome(logs: outcome.logs)
        switch outcome.end {
        case .value(let json):
            let value = try? JSONValue.parse(json[...])
            result.isAllowed = value?["verdict"]?.string == "allow"
            result.customData = value?["customData"]?.string ?? ""
            if result.customData.utf8.count > mostCustomData {
                result.failure = "logCustomData takes \(mostCustomData) bytes at most"
            }
        case .exception(let text): result.failure = text
        case .interrupted: result.failure = "It ran too long."
        case .outOfMemory: result.failure = "It keeps too much memory."
        case .throttled: result.failure = "It ran too long again and again."
        case .noLibrary: result.failure = FunctionHost.advice
        }
        if result.failure != nil { result.isAllowed = false }
        return result
    }
}

extension FunctionHost {
    /// Asks a connection function; call it on the reactor.
    package func decide(
        _ function: ViewerFunction,
        _ connection: JSONValue,
        on reactor: Reactor
    ) -> ConnectionFunction.Outcome {
        let box: JSONValue = ["event": ConnectionFunction.event(connection)]
        return ConnectionFunction.read(run(function, box.encoded(), on: reactor))
    }
}
