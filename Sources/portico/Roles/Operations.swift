import ControlPlane
import DataPlane
import HTTP
import Registry
import Replication

/// What an operator does to edges through the API port: revoke, and break things on purpose.
struct Operations: Sendable {
    /// How long an invalidation waits for edges that are away.
    static let patience = Duration.seconds(45)

    var edges: @Sendable () -> [ReplicaStatus]
    var revoke: @Sendable (String) async throws -> Bool
    var inject: @Sendable (InjectedFault, String) -> Bool
    var playDead: @Sendable (Duration) -> Void
    var revision: @Sendable () -> Int

    /// Answers a POST under `/_portico/`; nil when there is no such operation.
    func answer(_ request: RequestHead) async -> Response? {
        let parts = request.path.split(separator: "/").dropFirst().map(String.init)
        let seconds = QueryString.pairs(request.query ?? "").first { $0.name == "seconds" }
            .flatMap { $0.value.flatMap(Double.init) }
        switch (parts.count, parts.first, parts.last) {
        case (3, "edges", "revoke"): return await revoked(parts[1])
        case (4, "chaos", let fault?) where parts[1] == "edge":
            return injected(fault, seconds, parts[2])
        case (3, "chaos", "down") where parts[1] == "primary":
            playDead(.seconds(seconds ?? Self.longest))
            return Response(status: 200, text: "this primary plays dead\n")
        case (3, "chaos", "up") where parts[1] == "primary":
            playDead(.zero)
            return Response(status: 200, text: "this primary is up\n")
        default: return nil
        }
    }

    /// The longest fault.
    ///
    /// Unit: seconds.
    private static let longest = 86_400.0

    private func injected(_ name: String, _ seconds: Double?, _ edge: String) -> Response? {
        let span = seconds.flatMap { (0...Self.longest).contains($0) ? Duration.seconds($0) : nil }
        let fault: InjectedFault
        switch (name, span) {
        case ("lag", let span?): fault = .lag(span)
        case ("partition", let span?): fault = .partition(span)
        case ("kill", _): fault = .kill
        case ("lag", nil), ("partition", nil):
            return Response(status: 400, text: "seconds= takes 0 to \(Int(Self.longest))\n")
        default: return nil
        }
        guard inject(fault, edge) else {
            return Response(
                status: 404,
                text: "no edge '\(edge)' that this fault could be brought over\n"
            )
        }
        return Response(status: 200, text: "\(edge): \(fault)\n")
    }

    private func revoked(_ name: String) async -> Response {
        do {
            guard try await revoke(name) else {
                return Response(status: 404, text: "no edge '\(name)' is enrolled\n")
            }
            return Response(status: 200, text: "\(name) is revoked\n")
        } catch {
            return Response(status: 500, text: "\(error)\n")
        }
    }

    /// Returns once every live edge has applied what is current now, or when it took too long.
    func awaitEverywhere() async {
        let wanted = revision()
        let deadline = ContinuousClock.now + Self.patience
        while !edges().allSatisfy({ !$0.isLive || $0.revision >= wanted }),
            ContinuousClock.now < deadline
        {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }
}

extension Operations {
    /// What can be done to the edges of one process: they have no certificates, and share its fate.
    static func ofOneProcess(_ replicas: [EdgeReplica]) -> Operations {
        Operations(
            edges: { replicas.map { $0.status() } },
            revoke: { _ in false },
            inject: { fault, name in
                guard let replica = replicas.first(where: { $0.name == name }) else { return false }
                switch fault {
                case .lag(let duration): replica.lag(by: duration)
                case .partition(let duration): replica.cutOff(for: duration)
                case .kill: return false
                }
                return true
            },
            playDead: { duration in for replica in replicas { replica.cutOff(for: duration) } },
            revision: { replicas.map { $0.status().revision }.max() ?? 0 }
        )
    }
}
