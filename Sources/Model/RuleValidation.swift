/// The law of listener rules; AWS pages "Condition types for listener rules" and "Action types for
/// listener rules".
extension ListenerRule {
    /// The most values, and the most wildcards, in all conditions of a rule.
    package static let valueLimit = 5

    /// What is wrong with the rule, as sentences.
    package func problems(isTLS: Bool) -> [String] {
        var found: [String] = []
        if !(1...50_000).contains(priority) { found.append("the priority must be 1 to 50000") }
        if conditions.isEmpty { found.append("a rule needs a condition") }
        for field in ["host-header", "path-pattern", "http-request-method", "source-ip"]
        where conditions.filter({ $0.field == field }).count > 1 {
            found.append("a rule has at most one \(field) condition")
        }
        if conditions.reduce(0, { $0 + $1.valueCount }) > Self.valueLimit {
            found.append("a rule has at most \(Self.valueLimit) condition values")
        }
        if conditions.reduce(0, { $0 + $1.wildcardCount }) > Self.valueLimit {
            found.append("a rule has at most \(Self.valueLimit) wildcards")
        }
        for kind in [RuleTransform.Kind.host, .url]
        where transforms.filter({ $0.kind == kind }).count > 1 {
            found.append("a rule has at most one \(kind.rawValue) transform")
        }
        found += conditions.flatMap(\.problems) + transforms.compactMap(\.problem)
        return found + RuleAction.problems(actions, isTLS: isTLS)
    }
}

extension RuleCondition {
    private var texts: [String] {
        switch self {
        case .hostHeader(let all), .pathPattern(let all), .requestMethod(let all),
            .sourceIP(let all), .hostHeaderRegex(let all), .pathRegex(let all),
            .httpHeader(_, let all), .httpHeaderRegex(_, let all):
            all
        case .queryString(let pairs): pairs.flatMap { [$0.key, $0.value].compactMap { $0 } }
        }
    }

    fileprivate var valueCount: Int {
        if case .queryString(let pairs) = self { pairs.count } else { texts.count }
    }

    fileprivate var wildcardCount: Int {
        switch self {
        case .hostHeader, .pathPattern, .httpHeader, .queryString:
            texts.reduce(0) { $0 + Self.wildcards(in: $1) }
        case .requestMethod, .sourceIP, .hostHeaderRegex, .pathRegex, .httpHeaderRegex: 0
        }
    }

    private static func wildcards(in text: String) -> Int {
        var count = 0
        var isEscaped = false
        for byte in text.utf8 {
            if byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?"), !isEscaped { count += 1 }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return count
    }

    /// What is wrong with the values, as sentences.
    package var problems: [String] {
        var found: [String] = []
        if texts.isEmpty { found.append("a \(field) condition needs values") }
        let limit = field == "http-request-method" ? 40 : 128
        for text in texts {
            if text.isEmpty || text.utf8.count > limit {
                found.append("a \(field) value has 1 to \(limit) characters")
            } else if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
                found.append("a \(field) value has no control characters")
            } else if let problem = problem(with: text) {
                found.append("'\(text)' \(problem)")
            }
        }
        if case .httpHeader(let name, _) = self { found += Self.nameProblems(name) }
        if case .httpHeaderRegex(let name, _) = self { found += Self.nameProblems(name) }
        return found
    }

    private static func nameProblems(_ name: String) -> [String] {
        if name.lowercased() == "host" { return ["a host-header condition is for Host"] }
        let isName = name.utf8.allSatisfy {
            isAlphanumeric($0) || "-_!#$%&'+.^`|~".utf8.contains($0)
        }
        return isName && (1...40).contains(name.utf8.count)
            ? [] : ["'\(name)' is no header name of 1 to 40 characters"]
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 26
    }

    private func problem(with text: String) -> String? {
        func consists(of extra: String) -> Bool {
            text.utf8.allSatisfy { Self.isAlphanumeric($0) || extra.utf8.contains($0) }
        }
        switch self {
        case .hostHeader:
            guard consists(of: "-.*?") else { return "holds what no host name has" }
            guard let dot = text.lastIndex(of: ".") else { return "lacks a dot" }
            let last = text[text.index(after: dot)...]
            return !last.isEmpty && last.allSatisfy(\.isLetter)
                ? nil : "may have letters only after its last dot"
        case .pathPattern:
            return consists(of: "_-.$/~\"'@:+&*?") ? nil : "holds what no path pattern may"
        case .requestMethod:
            return text.utf8.allSatisfy { $0 &- 65 < 26 || $0 == 45 || $0 == 95 }
                ? nil : "is no method name of capital letters, - and _"
        case .sourceIP:
            return text.contains("/") && text != "255.255.255.255/32"
                ? nil : "is no block of addresses in CIDR form"
        case .hostHeaderRegex, .pathRegex, .httpHeaderRegex: return LinearRegex.problem(with: text)
        case .httpHeader, .queryString: return nil
        }
    }
}

extension RuleTransform {
    fileprivate var problem: String? {
        if pattern.utf8.count > 1024 || replacement.utf8.count > 1024 {
            return "a transform's texts have at most 1024 characters"
        }
        return LinearRegex.problem(with: pattern).map { "'\(pattern)' \($0)" }
    }
}

extension RuleAction {
    private static let contentTypes = [
        "text/plain", "text/css", "text/html", "application/javascript", "application/json",
    ]

    /// What is wrong with a list of actions, as sentences.
    package static func problems(_ actions: [RuleAction], isTLS: Bool) -> [String] {
        var found: [String] = []
        if actions.last?.isTerminal != true || actions.dropLast().contains(where: \.isTerminal) {
            found.append("exactly one forward, redirect or fixed-response action must come last")
        }
        if actions.count > 2 { found.append("only one action may come before the last one") }
        if !isTLS, actions.contains(where: { !$0.isTerminal }) {
            found.append("jwt-validation goes with HTTPS listeners only")
        }
        return found + actions.flatMap { $0.problems(isTLS: isTLS) }
    }

    private func problems(isTLS: Bool) -> [String] {
        switch self {
        case .forward(let groups): return Self.problems(groups)
        case .stickyForward(let groups, let seconds):
            let isFine = (1...604_800).contains(seconds)
            return Self.problems(groups)
                + (isFine ? [] : ["a group's stickiness lasts 1 to 604800 seconds"])
        case .redirect(let redirect): return redirect.problems(isTLS: isTLS)
        case .fixedResponse(let status, let contentType, let body):
            var found: [String] = []
            if ![2, 4, 5].contains(status / 100) {
                found.append("a fixed response has a status of 2XX, 4XX or 5XX")
            }
            if let contentType, !Self.contentTypes.contains(contentType) {
                found.append(
                    "the content type is one of \(Self.contentTypes.joined(separator: ", "))"
                )
            }
            if body?.utf8.count ?? 0 > 1024 {
                found.append("the body of a fixed response has at most 1024 characters")
            }
            return found
        case .validateToken(let validation):
            var found: [String] = []
            if !validation.keySetURL.hasPrefix("https://") {
                found.append("the address of the key set must start with https://")
            }
            if validation.issuer.isEmpty || validation.issuer.utf8.count > 256 {
                found.append("the issuer has 1 to 256 characters")
            }
            if validation.claims.count > 10 { found.append("at most 10 claims are checked") }
            return found
        }
    }

    private static func problems(_ groups: [WeightedTargetGroup]) -> [String] {
        var found: [String] = []
        if !(1...5).contains(groups.count) { found.append("a forward names 1 to 5 target groups") }
        if groups.contains(where: { !(0...999).contains($0.weight) }) {
            found.append("a weight is 0 to 999")
        }
        if Set(groups.map(\.arn)).count != groups.count {
            found.append("a forward names a target group once")
        }
        return found
    }
}

extension RedirectAction {
    fileprivate func problems(isTLS: Bool) -> [String] {
        var found: [String] = []
        let untouched = RedirectAction(status: status)
        if scheme == untouched.scheme, host == untouched.host, port == untouched.port,
            path == untouched.path
        {
            found.append("a redirect must change the protocol, host, port or path")
        }
        if !["HTTP", "HTTPS", "#{protocol}"].contains(scheme) {
            found.append("a redirect's protocol is HTTP, HTTPS or #{protocol}")
        }
        if isTLS, scheme == "HTTP" { found.append("HTTPS cannot be redirected to HTTP") }
        if port != "#{port}", !(1...65_535).contains(Int(port) ?? 0) {
            found.append("a redirect's port is 1 to 65535 or #{port}")
        }
        if host.isEmpty || host.utf8.count > 128 {
            found.append("a redirect's host has 1 to 128 characters")
        }
        if !path.beginsWithSlash || path.utf8.count > 128 {
            found.append("a redirect's path starts with / and has at most 128 characters")
        }
        if query.hasPrefix("?") || query.utf8.count > 128 {
            found.append("a redirect's query lacks its ? and has at most 128 characters")
        }
        if status != 301, status != 302 { found.append("a redirect's status is 301 or 302") }
        for (part, text, allowed) in [
            ("host", host, ["host"]), ("path", path, ["host", "port", "path"]),
            ("query", query, ["protocol", "host", "port", "path", "query"]),
        ] {
            for name in ["protocol", "host", "port", "path", "query"]
            where !allowed.contains(name) && text.contains("#{\(name)}") {
                found.append("#{\(name)} cannot stand in a redirect's \(part)")
            }
        }
        return found
    }
}
