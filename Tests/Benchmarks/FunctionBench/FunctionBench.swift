import DataPlane
import Edge
import Glibc
import HTTP
import Model
import Reactor

/// What a CloudFront Function adds to a cache hit, on one thread and without sockets: a pipeline answers the same
/// request again and again, without a function and with one at each of a viewer's events.
///
/// usage: FunctionBench [ROUNDS [REQUESTS]]
///
/// Fails when the middle of the rounds adds more than `target` microseconds of the process's processor time.
@main
struct FunctionBench {
    /// Unit: microseconds.
    static let target = 20.0

    private static let codes: [(name: String, event: EdgeEvent?, code: String)] = [
        ("none", nil, ""),
        (
            "viewer-request", .viewerRequest,
            """
            function handler(event) {
              var request = event.request;
              if (request.uri.endsWith('/')) request.uri += 'index.html';
              request.headers['x-hook'] = { value: 'here' };
              return request;
            }
            """
        ),
        (
            "viewer-response", .viewerResponse,
            """
            function handler(event) {
              var response = event.response;
              response.headers['x-frame-options'] = { value: 'DENY' };
              return response;
            }
            """
        ),
        (
            "unchanged", .viewerRequest,
            "function handler(event) { return event.request; }"
        ),
    ]

    static func main() {
        let words = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        let (rounds, requests) = (words.first ?? 7, words.count > 1 ? words[1] : 20_000)
        guard FunctionHost.isAvailable else {
            print(FunctionHost.advice)
            exit(2)
        }
        let reactor = Reactor()
        let pipelines = codes.map { pipeline($0.event, $0.code) }
        reactor.submit {
            for pipeline in pipelines { _ = await spend(pipeline, 2000, reactor) }
            var taken = [[Double]](repeating: [], count: codes.count)
            for _ in 0..<rounds {
                for (index, pipeline) in pipelines.enumerated() {
                    taken[index].append(await spend(pipeline, requests, reactor))
                }
            }
            let middle = taken.map { $0.sorted()[$0.count / 2] }
            var isFine = true
            for (index, entry) in codes.enumerated() {
                let added = middle[index] - middle[0]
                print("\(entry.name): \(rounded(middle[index])) µs, \(rounded(added)) added")
                isFine = isFine && added <= target
            }
            exit(isFine ? 0 : 1)
        }
        reactor.run()
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    /// Unit: microseconds of the process for each request.
    private static func spend(
        _ pipeline: EdgePipeline,
        _ requests: Int,
        _ reactor: Reactor
    ) async -> Double {
        let before = processorTime()
        for _ in 0..<requests {
            let context = ReactorContext.make(reactor: reactor)
            var exchange = Exchange(
                request: RequestHead(
                    method: "GET",
                    path: "/index.html",
                    headers: [
                        "Host": "app.localhost:8443", "User-Agent": "curl/8.5.0",
                        "Accept": "text/html", "Accept-Language": "en",
                    ]
                ),
                body: .empty,
                viewer: viewer,
                context: context
            )
            let response = await pipeline.respond(to: &exchange)
            guard response.head.status == 200 else {
                print("status \(response.head.status)")
                exit(2)
            }
        }
        return (processorTime() - before) / Double(requests)
    }

    private static let viewer = Viewer(
        address: "127.0.0.1",
        port: 5000,
        isTLS: true,
        localPort: 8443
    )

    private static func pipeline(_ event: EdgeEvent?, _ code: String) -> EdgePipeline {
        var behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: "o",
            cachePolicy: .cachingOptimized
        )
        if let event {
            behavior.viewerFunctions = [ViewerFunctionAssociation(event: event, arn: "f")]
        }
        let distribution = Distribution(
            id: "E1",
            origins: [Origin(id: "o", domainName: "origin.example")],
            behaviors: [behavior]
        )
        return EdgePipeline(
            distribution: distribution,
            edge: EdgeIdentity(name: "iad", httpsPort: 8443),
            cache: CacheStore(),
            invoker: Nobody(),
            origins: Nobody(),
            functions: ViewerFunctions(host: FunctionHost()) { _ in
                ViewerFunction(name: "f", runtime: .two, code: code)
            },
            log: { print($0) }
        )
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }
}

/// The origin, and the executor of no functions.
private struct Nobody: FunctionInvoker, OriginResolver, ExchangeHandler {
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        .notFound(invocation.function)
    }

    func target(for origin: OriginRequest) -> OriginTarget { .door(self) }

    func respond(to exchange: inout Exchange) async -> Response {
        Response(
            head: ResponseHead(
                status: 200,
                headers: [
                    "Content-Type": "text/html", "Cache-Control": "max-age=3600",
                    "ETag": "\"1\"", "Content-Length": "1024",
                ]
            ),
            body: .bytes([UInt8](repeating: 120, count: 1024)[...])
        )
    }
}
