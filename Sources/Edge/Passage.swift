import DataPlane
import HTTP
import Model
import Telemetry

/// What one request carries from stage to stage.
struct Passage {
    let requestID: ExchangeID
    /// The behaviour that was chosen by the viewer's path.
    var plan: BehaviorPlan
    /// What is known of the viewer; empty unless some setting asks for it.
    var facts = ViewerFacts()
    /// The request as it came, once a function may have changed it.
    var original: RequestHead?
    /// The request whose error page is fetched: viewer hooks do not run then.
    var failed: RequestHead?

    init(requestID: ExchangeID, plan: BehaviorPlan) {
        self.requestID = requestID
        self.plan = plan
    }

    /// The origins that a CloudFront Function chose; nil for the behaviour's own.
    var choice: OriginChoice?

    var isErrorPage: Bool { failed != nil }

    /// Whether a shield stands between the edges and the first origin.
    var hasShield: Bool {
        guard let choice else { return plan.hasShield }
        return choice.origins.first?.shieldRegion != nil
    }

    /// The origins to ask for this method, in order.
    func origins(for method: String) -> ArraySlice<OriginPlan> {
        guard let choice else { return plan.origins(for: method) }
        let chosen = plan.failsOver(for: method) ? choice.origins[...] : choice.origins.prefix(1)
        return chosen.map { OriginPlan($0) }[...]
    }

    /// Whether the second origin is asked after this outcome of the first.
    func failsOver(on outcome: Result<Response, Fault>) -> Bool {
        plan.failsOver(on: outcome, choice?.failoverStatuses ?? plan.failoverStatuses)
    }
}
