import HTTP

/// What one request carries from stage to stage.
struct Passage {
    let requestID: String
    /// The behaviour that was chosen by the viewer's path.
    var plan: BehaviorPlan
    /// What is known of the viewer; empty unless some setting asks for it.
    var facts = ViewerFacts()
    /// The request as it came, once a function may have changed it.
    var original: RequestHead?
    /// The request whose error page is fetched: viewer hooks do not run then.
    var failed: RequestHead?

    init(requestID: String, plan: BehaviorPlan) {
        self.requestID = requestID
        self.plan = plan
    }

    var isErrorPage: Bool { failed != nil }
}
