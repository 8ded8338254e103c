import DataPlane
import Edge
import HTTP
import Model

/// What is answered where no door stands.
enum DoorlessAnswer: ExchangeHandler {
    /// The connection was made for the name of another door (RFC 9110 §15.5.20).
    case misdirected
    /// No edge of these has the name that was asked for.
    case noSuchEdge(String, [String])
    /// A plain `localhost` without a single distribution behind it.
    case index([FrontDoorTable.Entry])
    case unknownHost

    func respond(to exchange: inout Exchange) async -> Response {
        switch self {
        case .misdirected: return Self.refuseName()
        case .noSuchEdge(let asked, let names):
            let known = names.joined(separator: ", ")
            let text = "There is no edge \(asked.prefix(64)); there is \(known).\n"
            return Response(status: 404, text: text)
        case .index(let entries):
            return DoorsPage.response(
                entries,
                isTLS: exchange.viewer.isTLS,
                port: exchange.viewer.localPort
            )
        case .unknownHost: return Self.refuseHost()
        }
    }

    private static func refuseName() -> Response {
        let title = "421 Misdirected Request"
        let lines = [
            "<html>", "<head><title>\(title)</title></head>", "<body>",
            "<center><h1>\(title)</h1></center>", "<hr><center>CloudFront</center>", "</body>",
            "</html>",
        ]
        var response = Response(
            status: 421,
            contentType: "text/html",
            text: lines.map { $0 + "\r\n" }.joined()
        )
        response.head.headers.append("Server", "CloudFront")
        response.head.headers.append("X-Cache", "Error from cloudfront")
        return response
    }

    private static func refuseHost() -> Response {
        let id = QuickRandom.uuid()
        var response = Response(
            status: 403,
            contentType: "text/html",
            text: ErrorPage.html(status: 403, reason: "Bad request.", requestID: id)
        )
        response.head.headers.append("Server", "CloudFront")
        response.head.headers.append("X-Cache", "Error from cloudfront")
        return response
    }
}

/// Names the edge in the answers of a door, where there are several.
struct EdgeNaming: ExchangeHandler {
    private let door: any ExchangeHandler
    private let edge: String

    init(_ door: any ExchangeHandler, edge: String) {
        self.door = door
        self.edge = edge
    }

    func respond(to exchange: inout Exchange) async -> Response {
        var response = await door.respond(to: &exchange)
        response.head.headers.set(FrontDoors.edgeHeader, edge)
        return response
    }
}
