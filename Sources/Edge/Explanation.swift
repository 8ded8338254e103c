package import DataPlane
package import HTTP
import Model
import Telemetry

extension EdgePipeline {
    /// What would become of a request, line by line, without running or sending anything.
    ///
    /// Functions are named but not run, so what follows is what the request comes to if they change nothing.
    package func explain(_ request: RequestHead, viewer: Viewer) -> [String] {
        var lines = ["distribution \(distribution.id)"]
        if !distribution.isEnabled { lines.append("  disabled: every request gets 403") }
        let path = PathPattern.normalized(request.path)
        if path != request.path { lines.append("  matched as \(path); sent as \(request.path)") }
        let chosen = plans.firstIndex { $0.pattern.matches(path) } ?? plans.count - 1
        lines += explainChoice(path, chosen)
        // A call of gRPC comes by HTTP/2, whatever the request in question was made of.
        var asked = request
        asked.version = .http2
        let plan = plans[chosen].planOfCall(asked) ?? plans[chosen]
        if plan.isForCalls {
            lines.append("  a call of gRPC: no cache, no Lambda@Edge, no failover")
        }
        var passage = Passage(requestID: .none, plan: plan)
        passage.facts = locations.facts(of: viewer.address) ?? ViewerFacts()
        lines += explainAdmission(request, viewer, plan)
        let hooks = EdgeEvent.allCases.compactMap { event in
            plan.hook(event).map { "  \(event.rawValue): \($0.qualifiedName)" }
        }
        let viewerFunctions = (plan.behavior.viewerFunctions ?? []).map {
            "  \($0.event.rawValue): \($0.name), a CloudFront Function"
        }
        if !hooks.isEmpty || !viewerFunctions.isEmpty {
            lines += ["functions"] + viewerFunctions + hooks
        }
        var head = request
        if head.path == "/", !distribution.defaultRootObject.isEmpty {
            head.path = "/" + distribution.defaultRootObject
            lines.append("default root object: \(head.path)")
        }
        addCloudFrontHeaders(&head, viewer, passage)
        lines += explainCache(head, plan)
        lines += explainOrigins(head, viewer, plan)
        lines += explainLimits(request, plan)
        return lines
    }

    /// What bounds such a request, and how near this one comes.
    private func explainLimits(_ request: RequestHead, _ plan: BehaviorPlan) -> [String] {
        let head = request.method.utf8.count + request.target.utf8.count + 11
        let fields = request.headers.byteCount + 4 * request.headers.count
        var lines = [
            "limits",
            "  URL: \(request.target.utf8.count) of \(EdgeLimits.uriAndQuery) bytes",
            "  request line and headers: \(head + fields) of \(EdgeLimits.head) bytes",
            "  stored object: \(cache.maximumObject) bytes"
                + (cache.disk.map { ", \($0.maximumObject) on disk" } ?? ""),
        ]
        if let origin = plan.origins.first?.origin {
            lines.append(
                "  origin: \(origin.connectionAttempts) tries of \(origin.connectionTimeout) s, "
                    + "\(origin.readTimeout) s to answer"
            )
        }
        let viewerFunctions = plan.behavior.viewerFunctions ?? []
        if !viewerFunctions.isEmpty {
            lines.append("  CloudFront Function: \(settings.functionTimeLimit) s of processor time")
        }
        for event in EdgeEvent.allCases {
            guard let hook = plan.hook(event) else { continue }
            let isOfViewer = event == .viewerRequest || event == .viewerResponse
            let body = isOfViewer ? EdgeLimits.viewerBody : EdgeLimits.originBody
            let shown = hook.includeBody ? ", \(body) bytes of the body" : ""
            lines.append("  \(event.rawValue): 30 s\(shown)")
        }
        return lines
    }

    private func explainChoice(_ path: String, _ chosen: Int) -> [String] {
        var lines = ["behaviors"]
        for (index, plan) in plans.enumerated() {
            let pattern = plan.behavior.pathPattern
            let word =
                index == chosen
                ? "chosen"
                : index > chosen ? "not reached" : "does not match \(path)"
            let cover = plans[..<index].first { $0.pattern.covers(plan.pattern) }
            let shadow = cover.map { "; shadowed by \($0.behavior.pathPattern)" } ?? ""
            lines.append("  \(index + 1). \(pattern): \(word)\(shadow)")
        }
        return lines
    }

    private func explainAdmission(
        _ request: RequestHead,
        _ viewer: Viewer,
        _ plan: BehaviorPlan
    ) -> [String] {
        let behavior = plan.behavior
        var lines = ["checks"]
        if let wanted = distribution.viewerAuthentication {
            let function = distribution.connectionFunctionID.map { ", then \($0) decides" } ?? ""
            lines.append("  certificate of the viewer: \(wanted.mode.rawValue)\(function)")
        }
        if distribution.geoRestriction.kind != .none {
            let countries = distribution.geoRestriction.countries.joined(separator: ", ")
            lines.append("  countries: \(distribution.geoRestriction.kind.rawValue) \(countries)")
        }
        lines.append("  protocol: \(behavior.viewerProtocolPolicy.rawValue)")
        if !viewer.isTLS, behavior.viewerProtocolPolicy != .allowAll {
            let isRedirect = behavior.viewerProtocolPolicy == .redirectToHTTPS
            lines.append(isRedirect ? "    answered with a redirect" : "    answered with 403")
        }
        let isAllowed = behavior.allowedMethods.contains(request.method)
        let methods = behavior.allowedMethods.joined(separator: ", ")
        lines.append("  methods: \(methods)" + (isAllowed ? "" : "; \(request.method) gets 403"))
        if plan.signatures != nil {
            lines.append("  signature by \(behavior.trustedKeyGroups.joined(separator: ", "))")
        }
        return lines
    }

    private func explainCache(_ head: RequestHead, _ plan: BehaviorPlan) -> [String] {
        let policy = plan.policy
        let name = policy.name.isEmpty ? policy.id : policy.name
        var lines = ["cache policy \(name)"]
        guard plan.caches(head.method) else {
            let why = plan.isCachingOff ? "caching is off" : "\(head.method) is not cached"
            return lines + ["  not cached: \(why)"]
        }
        lines.append("  TTL: \(policy.minTTL) / \(policy.defaultTTL) / \(policy.maxTTL) s")
        let key = CacheKey.make(head, distribution: distribution.id, plan: plan)
        lines.append("  key:")
        lines += key.split(separator: "\n").map { "    " + $0 }
        if plan.forwardsCookies { lines.append("  cookies go on, so requests are not collapsed") }
        if let name = distribution.cacheTagHeader {
            lines.append("  tags from the origin's \(name)")
        }
        if plan.behavior.compress { lines.append("  compressed when it qualifies") }
        return lines
    }

    private func explainOrigins(
        _ head: RequestHead,
        _ viewer: Viewer,
        _ plan: BehaviorPlan
    ) -> [String] {
        var lines: [String] = []
        for candidate in plan.origins(for: head.method) {
            let origin = candidate.origin
            lines.append(lines.isEmpty ? "origin \(origin.id)" : "then, on failure, \(origin.id)")
            var outbound = RequestHead(method: "", path: "")
            OriginHeaders.fill(
                &outbound,
                from: head,
                address: viewer.address,
                via: viaField(for: head.version),
                plan: plan,
                domain: origin.domainName,
                pending: Pending(key: plan.caches(head.method) ? "key" : "")
            )
            for (name, value) in origin.customHeaders.sorted(by: { $0.key < $1.key }) {
                outbound.headers.set(name, value)
            }
            lines.append("  \(outbound.method) \(origin.path)\(outbound.target)")
            lines += outbound.headers.map { "  \($0.name): \($0.value)" }
        }
        if lines.isEmpty { lines.append("origin: none; the answer is 502") }
        return lines
    }
}
