package import DataPlane
import HTTP
package import Model
import Telemetry

/// One distribution at one edge: from a viewer's request to the answer, through cache and hooks.
package final class EdgePipeline: Sendable {
    let distribution: Distribution
    let edge: EdgeIdentity
    let cache: CacheStore
    let invoker: any FunctionInvoker
    let origins: any OriginResolver
    let log: @Sendable (String) -> Void
    let clock: @Sendable () -> Int
    /// `<32 hex digits>.cloudfront.net (CloudFront)`.
    let via: String

    /// Makes the pipeline of a distribution at an edge; `clock` gives the seconds since 1970.
    package init(
        distribution: Distribution,
        edge: EdgeIdentity,
        cache: CacheStore,
        invoker: any FunctionInvoker,
        origins: any OriginResolver,
        log: @escaping @Sendable (String) -> Void,
        clock: @escaping @Sendable () -> Int = { WallClock.now() }
    ) {
        self.distribution = distribution
        self.edge = edge
        self.cache = cache
        self.invoker = invoker
        self.origins = origins
        self.log = log
        self.clock = clock
        let digits = String(RequestID.invocation().filter { $0 != "-" })
        via = digits + ".cloudfront.net (CloudFront)"
    }

    /// Answers one request; the record of the exchange gets a line per stage.
    package func respond(to exchange: inout Exchange) async -> Response {
        var passage = Passage(requestID: RequestID.make())
        let viewerHead = exchange.request
        exchange.record.requestID = passage.requestID
        exchange.record.edge = edge.name
        var answer = await pass(&exchange, &passage)
        if answer.mayHaveErrorPage,
            let page = distribution.customErrorResponses.first(where: {
                $0.errorCode == answer.head.status && $0.responsePagePath != nil
            })
        {
            answer = await errorPage(page, instead: answer, &exchange)
        }
        return finish(answer, viewerHead: viewerHead, passage, &exchange)
    }

    /// The whole path of a request, in order.
    func pass(_ exchange: inout Exchange, _ passage: inout Passage) async -> Answer {
        do throws(Stop) {
            let behavior = try admit(exchange, &passage)
            try await viewerRequest(&exchange, behavior, passage)
            applyDefaultRootObject(&exchange)
            let viewerHead = exchange.request
            var answer: Answer
            switch await lookUp(&exchange, behavior, &passage) {
            case .stored(let entry):
                answer = Answer(entry, age: Freshness.age(of: entry, now: clock()), result: "Hit")
            case .ask(let pending):
                var outbound = try makeOutbound(&exchange, behavior, pending, passage)
                if let generated = try await originRequest(&outbound, &exchange, behavior, passage)
                {
                    answer = generated
                } else {
                    answer = try await askOrigin(outbound, pending, behavior, &exchange, passage)
                    try await originResponse(&answer, outbound, &exchange, behavior, passage)
                }
                store(&answer, pending, behavior)
            }
            try await viewerResponse(&answer, viewerHead, &exchange, behavior, passage)
            return answer
        } catch {
            return Answer(error)
        }
    }

    /// Fetches a custom error page through the behaviour of its path, without viewer hooks.
    private func errorPage(
        _ page: CustomErrorResponse,
        instead answer: Answer,
        _ exchange: inout Exchange
    ) async -> Answer {
        var passage = Passage(requestID: exchange.record.requestID)
        passage.isErrorPage = true
        let original = exchange.request
        exchange.request.method = original.method == "HEAD" ? "HEAD" : "GET"
        exchange.request.path = page.responsePagePath ?? "/"
        exchange.request.query = nil
        for name in OriginHeaders.conditional { exchange.request.headers.remove(name) }
        exchange.body = .empty
        var found = await pass(&exchange, &passage)
        exchange.request = original
        if found.head.status < 400 { found.head.status = page.responseCode ?? answer.head.status }
        found.head.reason = ""
        found.result = "Error"
        return found
    }

    /// Adds what CloudFront says of itself.
    private func finish(
        _ answer: Answer,
        viewerHead: RequestHead,
        _ passage: Passage,
        _ exchange: inout Exchange
    ) -> Response {
        var answer = answer
        if answer.mayBecomeNotModified, isUnchanged(viewerHead, answer.head) {
            answer.head.status = 304
            answer.head.reason = ""
            answer.head.headers.remove("content-length")
            answer.body = .empty
        }
        if viewerHead.method == "HEAD" {
            switch answer.body {
            case .bytes(let bytes):
                answer.head.headers.set("Content-Length", String(bytes.count))
            case .stream(_, let length?):
                answer.head.headers.set("Content-Length", String(length))
            default: break
            }
            answer.body = .empty
        }
        if !answer.head.headers.contains("server") {
            answer.head.headers.append("Server", "CloudFront")
        }
        if !answer.head.headers.contains("date") {
            answer.head.headers.append("Date", WallClock.format(clock()))
        }
        if let age = answer.age { answer.head.headers.set("Age", String(age)) }
        answer.head.headers.append("X-Cache", "\(answer.result) from cloudfront")
        answer.head.headers.append("Via", "1.1 " + via)
        answer.head.headers.append("X-Amz-Cf-Pop", edge.pop)
        answer.head.headers.append("X-Amz-Cf-Id", passage.requestID)
        exchange.record.resultType = answer.result
        exchange.record.status = answer.head.status
        return Response(head: answer.head, body: answer.body)
    }

    private func isUnchanged(_ request: RequestHead, _ head: ResponseHead) -> Bool {
        guard head.status == 200, request.method == "GET" || request.method == "HEAD" else {
            return false
        }
        func opaque(_ tag: some StringProtocol) -> String {
            let text = String(tag.trimmingASCIIWhitespace())
            return text.hasPrefix("W/") ? String(text.dropFirst(2)) : text
        }
        if let wanted = request.headers["if-none-match"] {
            guard let tag = head.headers["etag"] else { return false }
            return wanted == "*"
                || wanted.split(separator: ",").contains { opaque($0) == opaque(tag) }
        }
        guard let since = request.headers["if-modified-since"].flatMap(WallClock.parse),
            let modified = head.headers["last-modified"].flatMap(WallClock.parse)
        else { return false }
        return modified <= since
    }
}

/// What one request carries from stage to stage.
struct Passage {
    let requestID: String
    /// Whether this fetches a custom error page: no viewer hooks.
    var isErrorPage = false
    var cacheKey = ""

    init(requestID: String) { self.requestID = requestID }
}

/// A response on its way to the viewer.
struct Answer {
    var head: ResponseHead
    var body: Body
    /// What `X-Cache` says before `from cloudfront`.
    var result: String
    /// Unit: seconds.
    var age: Int?
    /// What the origin answered, before its hook; what a function generated counts as well.
    var originStatus: Int
    /// Whether a viewer-response hook may run.
    var runsViewerResponse = true
    /// Whether a custom error page may stand for it.
    var mayHaveErrorPage = false
    /// Whether a conditional request of the viewer may be answered from it.
    var mayBecomeNotModified = false

    init(head: ResponseHead, body: Body, result: String) {
        self.head = head
        self.body = body
        self.result = result
        originStatus = head.status
    }

    init(_ entry: StoredResponse, age: Int, result: String) {
        head = entry.head
        body = entry.body.isEmpty ? .empty : .bytes(entry.body)
        self.result = entry.originStatus >= 400 ? "Error" : result
        self.age = age
        originStatus = entry.originStatus
        mayBecomeNotModified = true
        settle()
    }

    init(_ stop: Stop) {
        head = stop.head
        body = stop.body.isEmpty ? .empty : .bytes(stop.body)
        result = stop.result
        originStatus = stop.head.status
        runsViewerResponse = false
        mayHaveErrorPage = stop.isError
    }

    /// Draws the consequences of the origin's status.
    mutating func settle() {
        runsViewerResponse = originStatus < 400
        mayHaveErrorPage = head.status >= 400
    }
}
