import Foundation
import Registry
import Synchronization

/// A step of applying at which a test ends this process as by SIGKILL.
///
/// Set by `PORTICO_FAULT_POINT=step` or `step:n` for the n-th time; builds for release know none.
final class FaultPoint: Sendable {
    private let step: ApplyStep
    private let left: Mutex<Int>

    /// The point that the environment names.
    ///
    /// - Throws: `CommandFailure` when it names none that exists.
    static func fromEnvironment() throws -> FaultPoint? {
        #if DEBUG
        guard let text = ProcessInfo.processInfo.environment["PORTICO_FAULT_POINT"] else {
            return nil
        }
        let parts = text.split(separator: ":")
        guard let step = parts.first.flatMap({ ApplyStep(rawValue: String($0)) }),
            let count = parts.count > 1 ? Int(parts[1]) : 1
        else {
            let known = ApplyStep.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandFailure("PORTICO_FAULT_POINT takes one of \(known), and :n")
        }
        return FaultPoint(step, count)
        #else
        return nil
        #endif
    }

    private init(_ step: ApplyStep, _ count: Int) {
        self.step = step
        left = Mutex(count)
    }

    /// Ends the process when this is the step it waits for.
    func pass(_ step: ApplyStep) {
        guard step == self.step else { return }
        let isNow = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isNow { kill(getpid(), SIGKILL) }
    }
}
