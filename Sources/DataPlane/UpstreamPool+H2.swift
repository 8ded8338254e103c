import HTTP
import Reactor

/// The HTTP/2 connections to one target.
///
/// Confined to its reactor.
final class H2Upstreams {
    /// How many connections are held to one target; each carries as many requests as the origin allows.
    static let maximum = 64

    var connections: [H2Upstream] = []
    /// Whether a connection is being made, for which everybody waits.
    var isConnecting = false
    var waiting: [UnsafeContinuation<Void, Never>] = []

    var isUsed: Bool { isConnecting || !connections.isEmpty || !waiting.isEmpty }

    func wakeWaiting() {
        let waiting = waiting
        self.waiting = []
        for continuation in waiting { continuation.resume() }
    }
}

extension UpstreamPool {
    /// Sends a request over a shared connection; one that the origin has not looked at is sent again.
    func sendMultiplexed(
        _ request: RequestHead,
        _ body: Body,
        to target: UpstreamTarget,
        limits: UpstreamLimits,
        interim: ((ResponseHead) async -> Void)?
    ) async throws(Fault) -> Response {
        var isStream = false
        if case .stream = body { isStream = true }
        var attempt = 1
        while true {
            switch await attemptMultiplexed(request, body, to: target, limits, interim) {
            case .success(let response): return response
            case .failure(let fault):
                guard fault.retry == .safe, !isStream, attempt < max(2, limits.attempts),
                    !Task.isCancelled
                else { throw fault }
            }
            attempt += 1
        }
    }

    private func attemptMultiplexed(
        _ request: RequestHead,
        _ body: Body,
        to target: UpstreamTarget,
        _ limits: UpstreamLimits,
        _ interim: ((ResponseHead) async -> Void)?
    ) async -> Result<Response, Fault> {
        do throws(Fault) {
            let upstream = try await upstream(for: target, limits)
            return .success(try await upstream.call(request, body, interim))
        } catch {
            return .failure(error)
        }
    }

    /// A connection that takes a request now; made when there is none.
    private func upstream(
        for target: UpstreamTarget,
        _ limits: UpstreamLimits
    ) async throws(Fault) -> H2Upstream {
        let group = group(for: target)
        while true {
            if let free = group.connections.first(where: { $0.takesRequests }) { return free }
            guard group.isConnecting else { break }
            await withUnsafeContinuation { group.waiting.append($0) }
            if Task.isCancelled { throw Fault(.cancelled, side: .viewer) }
        }
        guard group.connections.count < H2Upstreams.maximum else {
            throw Fault(.overloaded("streams"), side: .origin, detail: target.host)
        }
        group.isConnecting = true
        let made = await connectMultiplexed(target, limits)
        group.isConnecting = false
        if case .success(let upstream) = made { upstream.start(in: group) }
        group.wakeWaiting()
        return try made.get()
    }

    private func connectMultiplexed(
        _ target: UpstreamTarget,
        _ limits: UpstreamLimits
    ) async -> Result<H2Upstream, Fault> {
        do throws(Fault) {
            let connection = try await connect(target, limits)
            return .success(try H2Upstream(connection, limits: limits))
        } catch {
            return .failure(error)
        }
    }

    private func group(for target: UpstreamTarget) -> H2Upstreams {
        if let known = multiplexed[target] { return known }
        if multiplexed.count >= Self.emptyQueues {
            for (target, group) in multiplexed where !group.isUsed { multiplexed[target] = nil }
        }
        let group = H2Upstreams()
        multiplexed[target] = group
        return group
    }
}
