import DataPlane
import HTTP
import Reactor

/// The routes of the Runtime API, version 2018-06-01.
struct RuntimeHandler: ExchangeHandler {
    let api: ReactorLocal<RuntimeAPI>

    func respond(to exchange: inout Exchange) async -> Response {
        let parts = exchange.request.path.split(separator: "/").map(String.init)
        guard parts.first == "2018-06-01" else { return Self.notFound }
        let method = exchange.request.method
        let runtime = api.value
        switch Array(parts.dropFirst()) {
        case ["ping"]:
            return method == "GET" ? Response(status: 200, text: "pong") : Self.wrongMethod
        case ["runtime", "invocation", "next"]:
            return method == "GET" ? await runtime.next() : Self.wrongMethod
        case ["runtime", "init", "error"]:
            guard method == "POST" else { return Self.wrongMethod }
            return await runtime.failToInitialise(exchange)
        case let route where route.count == 4 && route.starts(with: ["runtime", "invocation"]):
            guard route[3] == "response" || route[3] == "error" else { return Self.notFound }
            guard method == "POST" else { return Self.wrongMethod }
            return route[3] == "response"
                ? await runtime.respond(route[2], exchange) : await runtime.fail(route[2], exchange)
        default: return Self.notFound
        }
    }

    private static var notFound: Response { Response(status: 404, text: "404 page not found\n") }
    private static var wrongMethod: Response { Response(status: 405, text: "") }
}
