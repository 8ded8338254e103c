import DataPlane

/// How a node protects itself against too many viewers, and which proxies it believes.
struct ConnectionCare: Sendable {
    var admission = AdmissionLimits()
    /// After how many requests a connection is ended.
    var maximumRequests = ConnectionLimits().maximumRequests
    /// From how much memory on requests are turned away; nil for a share of the machine's.
    ///
    /// Unit: bytes.
    var memoryBudget: Int?
    /// Whose connections to the HTTPS listeners begin with a header of the PROXY protocol.
    var httpsProxies: ProxyTrust?
    /// Whose connections to the HTTP listeners begin with a header of the PROXY protocol.
    var httpProxies: ProxyTrust?
}
