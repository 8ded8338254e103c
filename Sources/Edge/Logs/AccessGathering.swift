import DataPlane
import Glibc
import HTTP
import Model
import Telemetry

extension EdgePipeline {
    /// Hangs what the access log needs onto the exchange's record.
    func attachAccess(
        _ log: AccessLog?,
        _ answer: Answer,
        _ viewerHead: RequestHead,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) {
        // The record has the target as it came; an exchange without a driver has only the head's.
        let target = exchange.record.uri.isEmpty ? viewerHead.target : exchange.record.uri
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let viewer = exchange.viewer
        let stages = exchange.record.stages
        let isMade = stages.contains { $0.stage == "origin-request" && $0.outcome == "respond" }
        let isAnswered = answer.result == "LambdaGeneratedResponse" && isMade
        let body = viewerHead.headers["content-length"].flatMap { Int($0) } ?? 0
        let origins = stages.filter { $0.stage == "origin" }
        let origin = origins.last
        let realTime = passage.plan.realTimeLog.flatMap { $0.isChosen() ? $0 : nil }
        guard log != nil || realTime != nil else { return }
        let entry = AccessEntry(
            distribution: distribution.id,
            domain: distribution.domainName,
            location: edge.pop,
            method: viewerHead.method,
            path: String(parts.first ?? "/"),
            query: parts.count > 1 ? String(parts[1]) : nil,
            request: viewerHead.headers,
            version: viewerHead.version,
            hasTLS: viewer.isTLS,
            tlsProtocol: viewer.tlsProtocol,
            tlsCipher: viewer.tlsCipher,
            address: viewer.address,
            port: viewer.port,
            receivedBytes: target.utf8.count + viewerHead.headers.byteCount + body,
            status: answer.head.status,
            result: isAnswered ? "Miss" : answer.result,
            detail: isAnswered ? "MissGeneratedResponse" : answer.detail,
            response: answer.head.headers,
            headAt: Self.now(),
            pattern: passage.plan.behavior.pathPattern,
            country: passage.facts.country,
            network: passage.facts.network,
            server: viewer.localAddress,
            primary: primary,
            originTime: origin?.durationMicroseconds,
            originHost: origin?.asked?.host,
            failover: origins.count > 1 ? origins.first?.outcome : nil,
            isUpgrade: answer.isUpgrade,
            isCall: passage.plan.isForCalls,
            connectionID: viewer.connectionID
        )
        exchange.record.attachment = PendingAccess(
            log,
            realTime,
            entry,
            exchange.context.reactor
        )
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

extension ViewerRule {
    /// What logs say of an error more exactly.
    ///
    /// Source: "Standard logging reference", x-edge-detailed-result-type.
    var detailedResult: String {
        switch self {
        case .country: "ClientGeoBlocked"
        case .method: "InvalidRequestMethod"
        case .urlTooLong, .headTooLarge, .contentOfGet: "InvalidRequest"
        case .bodyUnreadable: "ClientCommError"
        case .disabled, .https, .chained, .keyMissing, .keyUnknown, .signatureMalformed,
            .policyMalformed, .accessDenied:
            "Error"
        case .originName: "OriginDnsError"
        case .originConnect: "OriginConnectError"
        case .originTimeout: "OriginCommError"
        case .originFailed: "OriginInvalidResponseError"
        }
    }
}
