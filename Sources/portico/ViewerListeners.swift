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
    private let admission: Admission
    private let memory: MemoryGuard
    private let certificates: ViewerCertificates

    var all: [DataPlane.Listener] { https + http }

    /// How the process stands with its viewers.
    func load() -> LoadReport {
        var report = LoadReport(admission, memory: memory)
        report.caches = doors.cacheLoads()
        return report
    }

    /// Binds every address of the configuration, opens the doors of these edges and lets viewers in.
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
        let certificates = try ViewerCertificates(configuration.certificates, for: entrance)
        let client = try TLSContext.client(options: TLSClientOptions())
        let places = ListenerPlaces(
            configuration: configuration,
            entrance: entrance,
            tls: try certificates.context(for: entrance),
            client: client,
            admission: Admission(limits: configuration.care.admission),
            requests: requests
        )
        let (https, http) = try places.bind(binder)
        let ports = DoorPorts(
            https: https.last?.port ?? configuration.httpsPort,
            http: http.last?.port ?? configuration.httpPort
        )
        let doors = FrontDoors(
            edges: edges,
            ports: ports,
            settings: configuration.edge,
            buckets: configuration.state + "/buckets",
            streams: configuration.state + "/streams",
            accessLogFormat: configuration.accessLog,
            log: { log.line($0) }
        )
        entrance.open(doors)
        // Only now, so that nobody who could have been served hears that the node is starting.
        for listener in https + http { try listener.start(on: binder.reactors) }
        let budget = configuration.care.memoryBudget
        let memory = MemoryGuard(budget: budget, admission: places.admission)
        memory.watch()
        keepUp(doors, on: binder.reactors.first, client: client)
        return ViewerListeners(
            doors: doors,
            https: https,
            http: http,
            httpsPort: ports.https,
            httpPort: ports.http,
            admission: places.admission,
            memory: memory,
            certificates: certificates
        )
    }

    /// Writes access logs and checks targets as long as the process lives.
    private static func keepUp(_ doors: FrontDoors, on reactor: Reactor?, client: TLSContext) {
        Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: AccessLogs.interval)
                doors.flushAccessLogs()
            }
        }
        reactor?.submit { [reactor] in
            guard let reactor else { return }
            doors.makeHealthChecker().start(
                on: ReactorContext.make(reactor: reactor, client: client)
            )
        }
    }

    /// Takes certificates from disk anew; connections that are open keep theirs.
    func reloadCertificates() throws { try certificates.reload() }
}

/// What all listeners for viewers have in common.
private struct ListenerPlaces {
    let configuration: NodeConfiguration
    let entrance: Entrance
    let tls: TLSContext
    let client: TLSContext
    let admission: Admission
    let requests: RequestLog

    /// Binds HTTPS and HTTP at every address; all addresses share the ports of the first.
    func bind(
        _ binder: PortBinder
    ) throws -> (https: [DataPlane.Listener], http: [DataPlane.Listener]) {
        var (https, http): ([DataPlane.Listener], [DataPlane.Listener]) = ([], [])
        for address in configuration.addresses {
            let securePort = https.last?.port ?? configuration.httpsPort
            guard let secure = try bind(.https, address, securePort, binder) else { continue }
            https.append(secure)
            let plainPort = http.last?.port ?? configuration.httpPort
            guard let plain = try bind(.http, address, plainPort, binder) else { continue }
            http.append(plain)
        }
        return (https, http)
    }

    private func bind(
        _ kind: InheritedSockets.Kind,
        _ address: String,
        _ port: Int,
        _ binder: PortBinder
    ) throws -> DataPlane.Listener? {
        let care = configuration.care
        var limits = ConnectionLimits()
        limits.maximumRequests = care.maximumRequests
        let requests = requests
        let listener = DataPlane.Listener(
            address: address,
            port: port,
            tls: kind == .https ? tls : nil,
            handler: entrance,
            limits: limits,
            admission: admission,
            proxies: kind == .https ? care.httpsProxies : care.httpProxies,
            client: client,
            sink: { record in
                record.finish()
                requests.append(&record)
            }
        )
        let given = binder.inherited.take(kind, at: address, port: port)
        let flag = kind == .https ? "--https-port" : "--http-port"
        return try binder.bind(listener, port, flag, taking: given) ? listener : nil
    }
}
