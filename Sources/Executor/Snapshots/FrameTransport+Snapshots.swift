import HTTP
import Reactor

/// What the processes of snapshots are told beside the rest.
extension FrameTransport {
    /// Where a process gets its keys: behind its own port, or in variables when it has none.
    static func keys(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity
    ) -> [String: String] {
        if let api = environment.api, let desk = api.credentials {
            return desk.variables(at: api.address)
        }
        return [
            "AWS_ACCESS_KEY_ID": identity.credentials.accessKey,
            "AWS_SECRET_ACCESS_KEY": identity.credentials.secretKey,
            "AWS_SESSION_TOKEN": identity.credentials.sessionToken,
        ]
    }

    /// What a copy is told that its original was told otherwise.
    func restoration(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity
    ) -> [UInt8] {
        var variables = Self.keys(environment, identity)
        variables["AWS_LAMBDA_RUNTIME_API"] = environment.api?.address
        return Array(("{\"environment\":" + Self.object(variables) + "}").utf8)
    }

    /// Has the process copy itself; nil when it has ended, does not answer in time, or says that it cannot.
    ///
    /// One at a time.
    func fork(
        _ isolation: ScratchIsolation?,
        for environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async -> ForkedProcess? {
        guard let ends = try? ForkEnds() else { return nil }
        var frame = FrameChannel.frame(.fork, reserving: 512)
        frame += Self.place(isolation).utf8
        guard await channel.send(frame, descriptors: ends.theirs, until: deadline) else {
            return nil
        }
        while true {
            switch await channel.next(until: deadline) {
            case .frame(.forked, let payload):
                var reader = FrameReader(left: payload)
                guard let pid = reader.number(), pid > 0 else { return nil }
                return ends.process(Int32(pid))
            case .frame(.log, let payload):
                guard await record(payload, environment, deadline) else { return nil }
            case .frame, .oversized: continue
            case .timedOut, .ended: return nil
            }
        }
    }

    /// Lets the process forget a copy that has ended.
    func reap(_ pid: Int32, until deadline: MonotonicInstant) async {
        var frame = FrameChannel.frame(.reap, reserving: 4)
        frame.append(littleEndian: UInt32(pid))
        _ = await channel.send(frame, until: deadline)
    }

    /// Where a copy makes itself a `/tmp` of its own; an empty object leaves it the one it has.
    private static func place(_ isolation: ScratchIsolation?) -> String {
        guard let isolation else { return "{}" }
        let kept = isolation.kept.map(ErrorPayload.quote).joined(separator: ",")
        return "{\"stage\":" + ErrorPayload.quote(isolation.stage)
            + ",\"size\":\(isolation.size),\"kept\":[\(kept)]"
            + ",\"strict\":\(isolation.level.isStrict)"
            + ",\"offline\":\(isolation.level == .noNetwork)}"
    }
}
