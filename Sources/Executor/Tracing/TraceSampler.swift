import Synchronization

/// Which invocations of functions with active tracing are kept: the first of each second and 5 % of the others.
///
/// Source: "Visualize Lambda function invocations using AWS X-Ray".
final class TraceSampler: Sendable {
    /// The part of further invocations that is kept.
    static let rate = 0.05
    /// For how many functions seconds are remembered; beyond it all of them are forgotten.
    static let maximumFunctions = 10_000

    private let seconds = Mutex<[String: Int64]>([:])
    private let random: @Sendable () -> Double

    /// Makes a sampler; `random` gives numbers from 0 to 1.
    init(random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }) {
        self.random = random
    }

    /// Whether an invocation in this second is kept.
    func keeps(_ function: String, second: Int64) -> Bool {
        let isFirst = seconds.withLock { seconds in
            guard seconds[function] != second else { return false }
            if seconds.count >= Self.maximumFunctions { seconds = [:] }
            seconds[function] = second
            return true
        }
        return isFirst || random() < Self.rate
    }
}
