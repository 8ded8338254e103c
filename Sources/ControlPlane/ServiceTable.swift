import HTTP
import JSON
import Synchronization

/// Which service a request on the API port is for.
///
/// The models are read when the first call comes, not while a node starts, of whose processor time they took a fifth.
final class ServiceTable: Sendable {
    /// A service model with what is behind it.
    struct Entry: Sendable {
        let model: ServiceModel
        let service: any APIService
        let validation: ParameterValidation
        /// The code of an input that breaks the model's constraints.
        let validationCode: String
        /// The largest body, in bytes.
        let maximumBody: Int
    }

    private let made = Mutex<[Entry]?>(nil)
    private let make: @Sendable () -> [Entry]

    /// All services.
    var entries: [Entry] {
        made.withLock { made in
            if let made { return made }
            let entries = make()
            made = entries
            return entries
        }
    }

    init(
        lambda: LambdaService,
        cloudFront: CloudFrontService,
        keyValues: KeyValueService,
        balancing: LoadBalancingService,
        gateway: GatewayService,
        events: EventsService,
        logs: LogsService
    ) {
        make = {
            Self.entries(lambda, cloudFront, keyValues, balancing, gateway, events, logs)
        }
    }

    private static func entries(
        _ lambda: LambdaService,
        _ cloudFront: CloudFrontService,
        _ keyValues: KeyValueService,
        _ balancing: LoadBalancingService,
        _ gateway: GatewayService,
        _ events: EventsService,
        _ logs: LogsService
    ) -> [Entry] {
        let patterns = PatternCache()
        func entry(
            _ model: ServiceModel,
            _ service: any APIService,
            _ code: String,
            maximumBody: Int,
            enumPhrase: String = "enum value set",
            exempt: Set<String> = []
        ) -> Entry {
            Entry(
                model: model,
                service: service,
                validation: ParameterValidation(
                    model: model,
                    enumPhrase: enumPhrase,
                    exempt: exempt,
                    patterns: patterns
                ),
                validationCode: code,
                maximumBody: maximumBody
            )
        }
        return [
            entry(
                .lambda,
                lambda,
                "ValidationException",
                maximumBody: LambdaService.maximumRequest,
                exempt: ["Runtime"]
            ),
            entry(
                .cloudFront,
                cloudFront,
                "MalformedXML",
                maximumBody: CloudFrontService.maximumRequest,
                enumPhrase: "value set",
                exempt: ["FunctionBlob"]
            ),
            entry(
                .keyValueStore,
                keyValues,
                "ValidationException",
                maximumBody: CloudFrontService.maximumRequest
            ),
            entry(.loadBalancing, balancing, "ValidationError", maximumBody: 1 << 20),
            entry(.gatewayV2, gateway, "BadRequestException", maximumBody: 6 << 20),
            entry(
                .gatewayV1,
                RESTGatewayService(ledger: gateway.ledger),
                "BadRequestException",
                maximumBody: 6 << 20
            ),
            entry(.eventBridge, events, "ValidationException", maximumBody: 1 << 20),
            entry(
                .cloudWatchLogs,
                logs,
                "InvalidParameterException",
                maximumBody: LogsService.maximumRequest
            ),
            entry(
                .identity,
                IdentityService(ledger: events.ledger),
                "ValidationError",
                maximumBody: 1 << 20
            ),
            entry(
                .tokenService,
                TokenService(ledger: events.ledger),
                "ValidationError",
                maximumBody: 1 << 20
            ),
        ]
    }

    /// The service by the scope of the request's signature, else by its path or form.
    func entry(for head: RequestHead, isForm: Bool) -> Entry? {
        let scope = Self.scope(of: head)
        let candidates = entries.filter { $0.model.signingName == scope }
        if candidates.count == 1 { return candidates[0] }
        if candidates.count > 1 {
            // Both generations of API Gateway sign with one name.
            let isSecond = head.path.hasPrefix("/v2/")
            return candidates.first { ($0.model.service == "apigatewayv2") == isSecond }
        }
        if let target = head.headers["x-amz-target"] {
            return entries.first { $0.model.operation(target: target) != nil }
        }
        if isForm { return nil }
        let query = Query(head.query)
        return entries.first {
            $0.model.wire != .query && $0.model.wire != .json
                && $0.model.match(method: head.method, path: head.path, query: query) != nil
        }
    }

    /// The service of a query-protocol form by its API version.
    func entry(version: String?) -> Entry? {
        entries.first { $0.model.wire == .query && $0.model.version == version }
    }

    /// The service of the credential scope, from the header or a presigned query.
    static func scope(of head: RequestHead) -> String? {
        var credential: Substring?
        if let header = head.headers["authorization"],
            let range = header.firstRange(of: "Credential=")
        {
            credential = header[range.upperBound...].prefix { $0 != "," && $0 != " " }
        } else if let value = Query(head.query)["X-Amz-Credential"] {
            credential = value[...]
        }
        // SigV4A scopes have no region: key/date/service/aws4_request.
        let parts = credential?.split(separator: "/", omittingEmptySubsequences: false)
        guard let parts, parts.count >= 4 else { return nil }
        return String(parts[parts.count - 2])
    }
}
