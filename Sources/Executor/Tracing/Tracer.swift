package import DataPlane
import JSON
import Model

/// Makes segments of invocations, as Lambda does for AWS X-Ray.
///
/// Source: "Visualize Lambda function invocations using AWS X-Ray"; AWS X-Ray, "Segment documents".
package final class Tracer: Sendable {
    /// The largest document.
    ///
    /// Unit: bytes. Source: AWS X-Ray, "Segment documents": 64 kB.
    package static let maximumDocument = 64_000

    /// Where functions send segments of their own: `AWS_XRAY_DAEMON_ADDRESS`.
    package let address: String
    private let output: TraceOutput
    private let sampler: TraceSampler
    private let clock: @Sendable () -> Int64

    /// Makes a tracer; `clock` gives microseconds since 1970.
    package convenience init(output: TraceOutput, address: String) {
        self.init(output: output, address: address, sampler: TraceSampler()) {
            System.microseconds
        }
    }

    init(
        output: TraceOutput,
        address: String,
        sampler: TraceSampler,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.output = output
        self.address = address
        self.sampler = sampler
        self.clock = clock
    }

    /// Unit: microseconds since 1970.
    var now: Int64 { clock() }

    /// Begins the trace of an invocation; nil at edges, which have none ("Restrictions on Lambda@Edge").
    func begin(_ invocation: Invocation, _ identity: FunctionIdentity) -> InvocationTrace? {
        guard identity.edge == nil else { return nil }
        let started = now
        var header = TraceHeader(invocation.traceID ?? "")
        if header.root == nil {
            header.root = TraceHeader.makeRoot(second: started / 1_000_000)
            header.parent = nil
        }
        let isActive = identity.version.tracing == true
        if isActive, header.decision == nil || header.decision == .requested {
            let isKept = sampler.keeps(identity.version.name, second: started / 1_000_000)
            header.decision = isKept ? .sampled : .notSampled
        }
        return InvocationTrace(
            tracer: self,
            header: header,
            identity: identity,
            requestID: invocation.requestID,
            started: started
        )
    }

    /// Sends a document, unless it is too large.
    func send(_ document: JSONWriter) {
        guard document.bytes.count <= Self.maximumDocument else { return output.drop() }
        output.send(document.bytes)
    }
}
