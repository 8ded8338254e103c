import Model

/// Finds the route of an HTTP API that takes a request.
struct RouteMatcher: Sendable {
    /// A route that matched, with what its parameters hold.
    struct Match: Sendable, Equatable {
        var route: GatewayRoute
        /// Names and decoded values, in the order of the path.
        var parameters: [String: String]
    }

    private enum Segment: Equatable {
        case literal(String)
        case parameter(String)
        case greedy(String)
    }

    private struct Compiled {
        var route: GatewayRoute
        var method: String
        var segments: [Segment]

        var rank: [Int] {
            segments.map { segment in
                switch segment {
                case .literal: 0
                case .parameter: 1
                case .greedy: 2
                }
            }
        }
    }

    private let compiled: [Compiled]
    private let fallback: GatewayRoute?

    /// Prepares the routes, the most specific first.
    init(_ routes: [GatewayRoute]) {
        fallback = routes.first { $0.key == "$default" }
        compiled = routes.compactMap(Self.compile).sorted(by: Self.isMoreSpecific)
    }

    private static func compile(_ route: GatewayRoute) -> Compiled? {
        guard let space = route.key.firstIndex(of: " ") else { return nil }
        let path = route.key[route.key.index(after: space)...]
        let segments = pieces(path).map { piece -> Segment in
            guard piece.hasPrefix("{"), piece.hasSuffix("}") else { return .literal(String(piece)) }
            let name = piece.dropFirst().dropLast()
            return name.hasSuffix("+") ? .greedy(String(name.dropLast())) : .parameter(String(name))
        }
        return Compiled(
            route: route,
            method: route.key[..<space].uppercased(),
            segments: segments
        )
    }

    /// `/` has no segments; a trailing slash makes an empty last one.
    private static func pieces(_ path: some StringProtocol) -> [String] {
        if path == "/" || path.isEmpty { return [] }
        return path.pathSegments(omittingEmpty: false).dropFirst().map(String.init)
    }

    /// Routes without a greedy end win, then literals from left to right, then a named method.
    private static func isMoreSpecific(_ left: Compiled, _ right: Compiled) -> Bool {
        let leftRank = left.rank
        let rightRank = right.rank
        let isLeftGreedy = leftRank.last == 2
        if isLeftGreedy != (rightRank.last == 2) { return !isLeftGreedy }
        for (a, b) in zip(leftRank, rightRank) where a != b { return a < b }
        if leftRank.count != rightRank.count { return leftRank.count > rightRank.count }
        return left.method != "ANY" && right.method == "ANY"
    }

    /// The best route for a method and an undecoded path.
    func match(method: String, path: String) -> Match? {
        let pieces = Self.pieces(path)
        for candidate in compiled where candidate.method == "ANY" || candidate.method == method {
            if let parameters = Self.parameters(candidate.segments, pieces) {
                return Match(route: candidate.route, parameters: parameters)
            }
        }
        return fallback.map { Match(route: $0, parameters: [:]) }
    }

    private static func parameters(_ segments: [Segment], _ pieces: [String]) -> [String: String]? {
        var found: [String: String] = [:]
        for (index, segment) in segments.enumerated() {
            switch segment {
            case .greedy(let name):
                found[name] = PercentText.decode(pieces.dropFirst(index).joined(separator: "/"))
                return pieces.count >= index ? found : nil
            case .literal(let text):
                guard index < pieces.count, PercentText.decode(pieces[index]) == text else {
                    return nil
                }
            case .parameter(let name):
                guard index < pieces.count, !pieces[index].isEmpty else { return nil }
                found[name] = PercentText.decode(pieces[index])
            }
        }
        return pieces.count == segments.count ? found : nil
    }
}
