import ArgumentParser
import DataPlane
import Reactor

/// How a node that serves viewers protects itself; `up`, `try` and `edge` share these.
struct CareOptions: ParsableArguments {
    @Option(help: "How many connections of viewers are open at once.")
    var maxConnections = AdmissionLimits().maximumConnections

    @Option(help: "How many of them come from one IPv4 address or one /64 of IPv6.")
    var maxConnectionsPerSource = AdmissionLimits().maximumPerSource

    @Option(help: "After how many requests a connection is ended in good order.")
    var maxRequestsPerConnection = ConnectionLimits().maximumRequests

    @Option(
        help: ArgumentHelp(
            "From how much memory on, in MiB, requests get 503; default three quarters of the machine's.",
            valueName: "mib"
        )
    )
    var memoryLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Connections from here have to begin with a header of the PROXY protocol: an address or a range such as 10.0.0.0/8. May be given more than once.",
            valueName: "source"
        )
    )
    var proxyProtocol: [String] = []

    @Option(help: "The listeners for which --proxy-protocol holds: both, https or http.")
    var proxyProtocolOn = ProxyListeners.both

    /// Which listeners expect a header of the PROXY protocol.
    enum ProxyListeners: String, ExpressibleByArgument, CaseIterable { case both, https, http }

    mutating func validate() throws {
        for (flag, value) in [
            ("--max-connections", maxConnections),
            ("--max-connections-per-source", maxConnectionsPerSource),
            ("--max-requests-per-connection", maxRequestsPerConnection),
            ("--memory-limit", memoryLimit ?? 1),
        ] where !(1...Self.most).contains(value) {
            throw ValidationError("\(flag) takes 1 to \(Self.most)")
        }
        for source in proxyProtocol where AddressRange(source) == nil {
            throw ValidationError(
                "--proxy-protocol takes an address or a range such as 10.0.0.0/8, not '\(source)'"
            )
        }
    }

    /// The largest number that any of these flags takes.
    private static let most = 1_000_000_000

    /// What the flags say.
    var care: ConnectionCare {
        var care = ConnectionCare()
        care.admission.maximumConnections = maxConnections
        care.admission.maximumPerSource = maxConnectionsPerSource
        care.maximumRequests = maxRequestsPerConnection
        care.memoryBudget = memoryLimit.map { $0 << 20 }
        let ranges = proxyProtocol.compactMap { AddressRange($0) }
        guard !ranges.isEmpty else { return care }
        let trust = ProxyTrust(sources: ranges)
        if proxyProtocolOn != .http { care.httpsProxies = trust }
        if proxyProtocolOn != .https { care.httpProxies = trust }
        return care
    }
}
