import DataPlane
import HTTP
import Reactor

/// The routes of the Runtime, Extensions and Telemetry APIs of one environment.
struct RuntimeHandler: ExchangeHandler {
    let api: ReactorLocal<EnvironmentAPI>

    func respond(to exchange: inout Exchange) async -> Response {
        let parts = exchange.request.path.split(separator: "/").map(String.init)
        let api = api.value
        switch parts.first {
        case "2018-06-01":
            guard let runtime = api.runtime else { return Self.notFound }
            return await respond(runtime, Array(parts.dropFirst()), exchange)
        case "2020-01-01":
            guard parts.count > 1, parts[1] == "extension" else { return Self.notFound }
            return await api.extensionRoutes.respond(Array(parts.dropFirst(2)), exchange)
                ?? Self.notFound
        case "2022-07-01" where parts == ["2022-07-01", "telemetry"]:
            guard exchange.request.method == "PUT" else { return Self.wrongMethod }
            return await api.subscribe(exchange)
        case "2021-04-23" where parts == ["2021-04-23", "credentials"]:
            guard let credentials = api.credentials else { return Self.notFound }
            guard exchange.request.method == "GET" else { return Self.wrongMethod }
            return credentials.answer(exchange.request.headers["Authorization"] ?? "")
        case "2020-08-15" where parts == ["2020-08-15", "logs"]:
            // The Logs API came before the Telemetry API; extensions are written to do without it.
            return RuntimeReplies.error(202, "Logs.NotSupported", "Logs API is not supported")
        default: return Self.notFound
        }
    }

    private func respond(
        _ runtime: RuntimeAPI,
        _ route: [String],
        _ exchange: Exchange
    ) async -> Response {
        let method = exchange.request.method
        switch route {
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
