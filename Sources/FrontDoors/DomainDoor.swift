import DataPlane
import HTTP
import Model

/// A custom domain name: finds the API and stage behind a path and strips the mapping's key.
struct DomainDoor: ExchangeHandler {
    /// An API in whichever form it comes.
    enum Behind: Sendable {
        case http(APIGatewayDoor)
        case rest(RESTDoor)
        case webSocket(WebSocketDoor)
    }

    let domain: GatewayDomain
    let apis: [String: Behind]

    /// Where a request goes.
    struct Choice: Equatable {
        var api: String
        var stage: String
        /// What the integration sees.
        var path: String
    }

    func respond(to exchange: inout Exchange) async -> Response {
        guard let choice = Self.choose(domain, exchange.request), let behind = apis[choice.api]
        else { return GatewayResponses.notFound }
        switch behind {
        case .http(let door):
            return await door.respond(&exchange, stage: choice.stage, path: choice.path)
        case .webSocket(let door):
            return await door.respond(&exchange, stage: choice.stage, path: choice.path)
        case .rest(let door):
            if choice.stage.isEmpty {
                exchange.request.path = choice.path
                return await door.respond(to: &exchange)
            }
            return await door.respond(&exchange, stage: choice.stage, path: choice.path)
        }
    }

    /// The rule or the mapping that takes a request; the longest key wins among mappings.
    static func choose(_ domain: GatewayDomain, _ head: RequestHead) -> Choice? {
        if domain.mode != .mappingsOnly {
            for rule in domain.rules.sorted(by: { $0.priority < $1.priority }) {
                guard let base = base(rule, head) else { continue }
                let path =
                    rule.stripsBasePath ? rest(of: head.path, after: base) ?? "/" : head.path
                return Choice(api: rule.api, stage: rule.stage, path: path)
            }
            if domain.mode == .rulesOnly { return nil }
        }
        let mappings = domain.mappings.sorted { $0.key.utf8.count > $1.key.utf8.count }
        for mapping in mappings {
            guard let path = rest(of: head.path, after: mapping.key) else { continue }
            return Choice(api: mapping.api, stage: mapping.stage, path: path)
        }
        return nil
    }

    /// The base path that made a rule match, empty without one; nil when a condition fails.
    private static func base(_ rule: GatewayDomain.Rule, _ head: RequestHead) -> String? {
        for any in rule.headers {
            let matches = any.contains { pattern in
                head.headers.all(pattern.name).contains { Wildcard.matches(pattern.glob, $0) }
            }
            if !matches { return nil }
        }
        var base = ""
        for any in rule.basePaths {
            guard let match = any.first(where: { rest(of: head.path, after: $0) != nil }) else {
                return nil
            }
            base = match
        }
        return base
    }

    /// The path behind whole segments; nil when it does not start with them.
    private static func rest(of path: String, after key: String) -> String? {
        if key.isEmpty { return path }
        let prefix = "/" + key
        if path == prefix { return "/" }
        return path.hasPrefix(prefix + "/") ? String(path.dropFirst(prefix.count)) : nil
    }
}
