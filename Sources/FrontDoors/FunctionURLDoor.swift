package import DataPlane
import Edge
package import Executor
import HTTP
import JSON
package import Model

/// The URL of a function: every path and method, payload format 2.0; AWS page "Invoking Lambda function
/// URLs".
package struct FunctionURLDoor: ExchangeHandler {
    /// The largest body of a request.
    ///
    /// Unit: bytes. Source: AWS page "Lambda quotas".
    package static let bodyLimit = 6 << 20

    private let url: FunctionURL
    /// `name`, or `name:alias`.
    private let target: String
    private let snapshot: Snapshot
    private let invoker: any FunctionInvoker
    private let edge: String?
    /// The keys that callers must sign with; nil takes any.
    private let keys: @Sendable () -> SigningKeys?
    private let clock: @Sendable () -> Int

    /// Makes the door of one URL as of a snapshot.
    package init(
        url: FunctionURL,
        function: String,
        snapshot: Snapshot,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        keys: @escaping @Sendable () -> SigningKeys? = { nil }
    ) {
        self.init(
            url: url,
            function: function,
            snapshot: snapshot,
            invoker: invoker,
            edge: edge,
            keys: keys,
            clock: EventTime.now
        )
    }

    init(
        url: FunctionURL,
        function: String,
        snapshot: Snapshot,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        keys: @escaping @Sendable () -> SigningKeys? = { nil },
        clock: @escaping @Sendable () -> Int
    ) {
        self.url = url
        target = function
        self.snapshot = snapshot
        self.invoker = invoker
        self.edge = edge
        self.keys = keys
        self.clock = clock
    }

    package func respond(to exchange: inout Exchange) async -> Response {
        let requestID = QuickRandom.uuid()
        let origin = exchange.request.headers["origin"]
        var response: Response
        if let cors = url.cors, GatewayCORS.isPreflight(exchange.request) {
            response = GatewayCORS.preflight(exchange.request, cors)
            response.head.status = 200
        } else {
            response = await call(&exchange, requestID)
            if let cors = url.cors {
                GatewayCORS.apply(cors, to: &response.head.headers, origin: origin)
            }
        }
        response.head.headers.set("X-Amzn-RequestId", requestID)
        return response
    }

    private static func refusal() -> Response {
        var response = Response(
            status: 403,
            contentType: "application/json",
            text: #"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, "#
                + #"see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#
        )
        response.head.headers.append("X-Amzn-ErrorType", "AccessDeniedException")
        return response
    }

    private static func mismatch() -> Response {
        var response = Response(
            status: 403,
            contentType: "application/json",
            text:
                #"{"message":"The request signature we calculated does not match the signature you "#
                + #"provided. Check your AWS Secret Access Key and signing method. Consult the service "#
                + #"documentation for details."}"#
        )
        response.head.headers.append("X-Amzn-ErrorType", "InvalidSignatureException")
        return response
    }

    private static func failure() -> Response {
        Response(status: 502, contentType: "text/plain", text: "Internal Server Error")
    }

    /// Refuses a caller whose signature is not by a known key, where keys are known.
    private func refusal(
        of head: RequestHead,
        _ body: Bytes,
        _ proof: OriginSigner.Proof
    ) -> Response? {
        guard url.requiresSignature, let keys = keys() else { return nil }
        if case .distribution = proof { return nil }
        let found = RequestVerifier(keys).refusal(of: head, body: body, service: "lambda")
        guard let found else { return nil }
        if found == .missing { return Self.refusal() }
        var response = Response(
            status: 403,
            contentType: "application/json",
            text: (["message": .string(found.message)] as JSONValue).text
        )
        let isUnknown = found == .unknownKey || found == .wrongToken
        response.head.headers.append(
            "X-Amzn-ErrorType",
            isUnknown ? "UnrecognizedClientException" : "InvalidSignatureException"
        )
        return response
    }

    private func call(_ exchange: inout Exchange, _ requestID: String) async -> Response {
        let signed = SignedRequest(exchange.request, service: "lambda")
        if url.requiresSignature, signed == nil { return Self.refusal() }
        var permission = FunctionCall(principal: url.requiresSignature ? FunctionARN.account : "*")
        permission.action = "lambda:InvokeFunctionUrl"
        permission.functionURLAuthType = url.requiresSignature ? "AWS_IAM" : "NONE"
        permission.isViaFunctionURL = true
        let proof = OriginSigner.proof(of: exchange.request, service: "lambda")
        if url.requiresSignature {
            if proof == .mismatch { return Self.mismatch() }
            if case .distribution(let arn) = proof {
                permission.principal = "cloudfront.amazonaws.com"
                permission.sourceARN = arn
                guard snapshot.permits(permission, toInvoke: target) else {
                    return Self.refusal()
                }
            }
        }
        // A signature of this account needs no statement: the account is its own.
        guard url.requiresSignature || snapshot.permits(permission, toInvoke: target) else {
            return Self.refusal()
        }
        guard let function = snapshot.resolve(function: target) else {
            return Self.failure()
        }
        let body: Bytes
        do throws(Fault) {
            body = try await Payloads.collect(exchange.body, limit: Self.bodyLimit)
        } catch {
            return error.kind == .bodyTooLarge
                ? GatewayResponses.tooLarge : GatewayResponses.message(400, "Bad Request")
        }
        if url.requiresSignature, case .distribution = proof,
            !OriginSigner.covers(body, exchange.request)
        {
            return Self.mismatch()
        }
        if let refusal = refusal(of: exchange.request, body, proof) { return refusal }
        let passed = request(exchange, body, requestID, signed)
        let event = GatewayEvents.encode(passed, format: "2.0")
        let started = ContinuousClock.now
        var invocation = Invocation(
            function: function,
            payload: event[...],
            requestID: requestID,
            edge: edge,
            limit: .seconds(900)
        )
        invocation.arn = FunctionARN(target)?.text
        invocation.route = "function-url"
        invocation.traceID = passed.head.headers["x-amzn-trace-id"]
        let result: InvocationResult
        if url.streams {
            switch await invoker.stream(invocation) {
            case .whole(let whole): result = whole
            case .streamed(let answer):
                exchange.noteFunction(function, stage: "function-url", since: started, .success([]))
                return await StreamedPayload.response(answer) ?? Self.failure()
            }
        } else {
            result = await invoker.invoke(invocation)
        }
        exchange.noteFunction(function, stage: "function-url", since: started, result)
        switch result {
        case .success(let payload):
            return GatewayResponses.decode(payload, format: "2.0") ?? Self.failure()
        case .throttled:
            var response = Response(
                status: 429,
                contentType: "application/json",
                text:
                    #"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","#
                    + #""message":"Rate Exceeded."}"#
            )
            response.head.headers.append("X-Amzn-ErrorType", "TooManyRequestsException")
            return response
        case .functionError, .notFound: return Self.failure()
        }
    }

    private func request(
        _ exchange: Exchange,
        _ body: Bytes,
        _ requestID: String,
        _ signed: SignedRequest?
    ) -> GatewayRequest {
        var head = exchange.request
        let viewer = exchange.viewer
        HopByHop.strip(&head.headers)
        let earlier = head.headers.all("x-forwarded-for") + [viewer.address]
        head.headers.set("X-Forwarded-For", earlier.joined(separator: ", "))
        head.headers.set("X-Forwarded-Proto", viewer.isTLS ? "https" : "http")
        head.headers.set("X-Forwarded-Port", String(viewer.localPort))
        if let version = viewer.tlsProtocol { head.headers.set("X-Amzn-Tls-Version", version) }
        if let cipher = viewer.tlsCipher { head.headers.set("X-Amzn-Tls-Cipher-Suite", cipher) }
        head.headers.set(
            "X-Amzn-Trace-Id",
            ForwardedHead.trace(
                head.headers["x-amzn-trace-id"],
                identifier: ForwardedHead.newTraceID
            )
        )
        if head.headers.contains("content-length") || !body.isEmpty {
            head.headers.set("Content-Length", String(body.count))
        }
        var request = GatewayRequest(
            head: head,
            body: body,
            sourceIP: viewer.address,
            apiID: url.id,
            stage: GatewayStage(name: "$default"),
            routeKey: "$default",
            parameters: [:],
            requestID: requestID,
            time: clock()
        )
        request.keepsCookieField = true
        request.accountID = url.requiresSignature ? FunctionARN.account : "anonymous"
        if url.requiresSignature, let signed {
            request.authorizer = GatewayAuthorization.identity(signed)
        }
        return request
    }
}
