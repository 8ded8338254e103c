import Crypto
import DataPlane
import Edge
import Foundation
import FrontDoors
import Reactor
import TLS
import Telemetry

/// What viewers knock at: the listeners for HTTPS and HTTP, and the doors behind them.
struct ViewerListeners: Sendable {
    let doors: FrontDoors
    let https: [DataPlane.Listener]
    let http: [DataPlane.Listener]
    let httpsPort: Int
    let httpPort: Int

    var all: [DataPlane.Listener] { https + http }

    /// Binds every address of the configuration and opens the doors of these edges.
    ///
    /// - Throws: `CommandFailure` that names the flag to change.
    static func open(
        _ configuration: NodeConfiguration,
        edges: [EdgeNode],
        binder: PortBinder,
        requests: RequestLog,
        log: LogWriter
    ) throws -> ViewerListeners {
        let entrance = Entrance()
        let authority = try LocalAuthority(directory: configuration.certificates) {
            entrance.serves($0)
        }
        let store = CertificateStore { name in
            guard let leaf = try? authority.leaf(for: name ?? "localhost") else { return nil }
            return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
        }
        var options = TLSServerOptions()
        options.rules = { entrance.connectionRules(for: $0) }
        let tls = try TLSContext.server(certificates: store, options: options)
        let record: @Sendable (AccessRecord) -> Void = { record in
            var record = record
            record.finish()
            requests.append(record)
        }
        let client = try TLSContext.client(options: TLSClientOptions())
        var (https, http): ([DataPlane.Listener], [DataPlane.Listener]) = ([], [])
        var (httpsPort, httpPort) = (configuration.httpsPort, configuration.httpPort)
        func listener(at address: String, _ port: Int, tls: TLSContext?) -> DataPlane.Listener {
            DataPlane.Listener(
                address: address,
                port: port,
                tls: tls,
                handler: entrance,
                client: client,
                sink: record
            )
        }
        for address in configuration.addresses {
            let secure = listener(at: address, httpsPort, tls: tls)
            guard try binder.start(secure, at: address, httpsPort, "--https-port") else {
                continue
            }
            https.append(secure)
            httpsPort = secure.port
            let plain = listener(at: address, httpPort, tls: nil)
            guard try binder.start(plain, at: address, httpPort, "--http-port") else { continue }
            http.append(plain)
            httpPort = plain.port
        }
        let doors = FrontDoors(
            edges: edges,
            ports: DoorPorts(https: httpsPort, http: httpPort),
            settings: configuration.edge,
            buckets: configuration.state + "/buckets",
            accessLogFormat: configuration.accessLog,
            log: { log.line($0) }
        )
        entrance.open(doors)
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: AccessLogs.interval)
                doors.flushAccessLogs()
            }
        }
        if let reactor = binder.reactors.first {
            reactor.submit {
                doors.makeHealthChecker().start(
                    on: ReactorContext.make(reactor: reactor, client: client)
                )
            }
        }
        return ViewerListeners(
            doors: doors,
            https: https,
            http: http,
            httpsPort: httpsPort,
            httpPort: httpPort
        )
    }
}

/// Binds listeners and says in words what stands in the way.
struct PortBinder: Sendable {
    let reactors: [Reactor]

    /// Binds a listener; false when an address that nobody asked for is not on this machine.
    ///
    /// - Throws: `CommandFailure` that names the flag to change.
    func start(
        _ listener: DataPlane.Listener,
        at address: String,
        _ port: Int,
        _ flag: String,
        on reactors: [Reactor]? = nil
    ) throws -> Bool {
        guard let numeric = SocketAddress(numeric: address, port: port) else {
            throw CommandFailure("'\(address)' is no address: --bind takes one such as 127.0.0.1")
        }
        do {
            try Socket.probe(numeric)
            try listener.start(on: reactors ?? self.reactors)
            return true
        } catch {
            let isAbsent = error.number == EADDRNOTAVAIL || error.number == EAFNOSUPPORT
            if isAbsent, address == "::1" { return false }
            let reason = String(cString: strerror(error.number))
            if error.number == EADDRINUSE || error.number == EACCES {
                throw CommandFailure(
                    "port \(port) at \(address): \(reason); choose another with \(flag)"
                )
            }
            throw CommandFailure("\(address) port \(port): \(reason)")
        }
    }

    /// Binds an API port, on loopback only.
    func startAPI(
        _ handler: any ExchangeHandler,
        port: Int
    ) throws -> [DataPlane.Listener] {
        var port = port
        var started: [DataPlane.Listener] = []
        for address in ["127.0.0.1", "::1"] {
            let api = DataPlane.Listener(
                address: address,
                port: port,
                tls: nil,
                handler: handler,
                limits: ConnectionLimits(),
                sink: nil
            )
            let first = Array(reactors.prefix(1))
            guard try start(api, at: address, port, "--api-port", on: first) else { continue }
            port = api.port
            started.append(api)
        }
        return started
    }
}
