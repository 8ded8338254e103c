import DataPlane
import HTTP
import Reactor

/// What one environment's processes reach over HTTP, on a port of its own.
///
/// The Runtime API where that is the transport, and the Extensions and Telemetry APIs. Confined to its reactor.
final class EnvironmentAPI {
    /// How long a connection may rest: a warm environment waits for hours.
    private static let rest: Duration = .seconds(365 * 86_400)
    /// The largest head, as one field may carry the causes of an error.
    ///
    /// Unit: bytes.
    private static let largestHead = 2 << 20
    private static let connections = 64

    let runtime: RuntimeAPI?
    let extensions: ExtensionDesk
    let telemetry: TelemetryDesk
    let identity: FunctionIdentity
    /// Where processes of versions with SnapStart get their keys; nil for others, which have variables.
    let credentials: CredentialDesk?
    /// What `AWS_LAMBDA_RUNTIME_API` says; empty before `listen`.
    private(set) var address = ""
    /// Is told of each subscription.
    var onSubscription: ((ExtensionMember, TelemetrySubscription) -> Void)?
    private let reactor: Reactor
    private var listener: DataPlane.Listener?

    init(_ identity: FunctionIdentity, runtime: RuntimeAPI?, reactor: Reactor) {
        self.identity = identity
        self.runtime = runtime
        self.reactor = reactor
        credentials = identity.startsFromSnapshot ? CredentialDesk(identity.credentials) : nil
        extensions = ExtensionDesk(reactor: reactor)
        telemetry = TelemetryDesk(reactor: reactor)
        let desk = extensions
        runtime?.onFirstNext = { desk.closeRegistration() }
    }

    /// Where an environment with a network of its own finds its APIs.
    ///
    /// Source: "Using the Lambda runtime API for custom runtimes", the address that is usual there.
    static let portInside: UInt16 = 9001
    static var addressInside: String { "127.0.0.1:\(portInside)" }

    /// Binds the port inside of the network that a process has for itself; false when the machine refuses.
    func listen(inside pid: Int32) async -> Bool {
        do throws(SocketError) {
            let socket = try await ProcessNetwork.listen(inside: pid, port: Self.portInside)
            try listen(taking: socket)
            isInside = true
            return true
        } catch {
            return false
        }
    }

    /// Binds a port, or takes a socket that listens already.
    /// - Throws: `SocketError` when no port is free.
    func listen(taking socket: Int32? = nil) throws(SocketError) {
        var limits = ConnectionLimits()
        limits.keepAlive = Self.rest
        limits.bodyIdle = Self.rest
        limits.heads.bytes = Self.largestHead
        limits.maximumConnections = Self.connections
        limits.maximumRequests = .max
        let listener = DataPlane.Listener(
            address: "127.0.0.1",
            port: 0,
            tls: nil,
            handler: RuntimeHandler(api: ReactorLocal(self)),
            limits: limits
        )
        if let socket { try listener.bind(1, taking: [socket]) }
        try listener.start(on: [reactor])
        self.listener = listener
        address = "127.0.0.1:\(listener.port)"
    }

    var extensionRoutes: ExtensionRoutes { ExtensionRoutes(desk: extensions, identity: identity) }

    /// Whether the port lies in a network that nothing outside reaches into.
    private var isInside = false

    /// `PUT /2022-07-01/telemetry`.
    func subscribe(_ exchange: Exchange) async -> Response {
        guard !isInside else {
            // Where subscribers listen is out of reach; extensions know this answer from other local runs.
            let text = "Telemetry API is not supported with --isolation no-network"
            return RuntimeReplies.error(202, "Telemetry.NotSupported", text)
        }
        return await TelemetryRoutes(extensions: extensions, telemetry: telemetry).respond(exchange)
        {
            onSubscription?($0, $1)
        }
    }

    /// Closes the port and ends every wait.
    func close() {
        runtime?.close()
        extensions.close()
        telemetry.close()
        onSubscription = nil
        guard let listener else { return }
        self.listener = nil
        reactor.submit { await listener.drain(within: .zero) }
    }
}
