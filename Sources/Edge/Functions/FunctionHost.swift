import Reactor
import Synchronization

/// What a function gave, or why it gave nothing.
struct FunctionOutcome {
    enum End {
        /// The value as JSON.
        case value([UInt8])
        /// It threw, or its code is not of the language.
        case exception(String)
        case interrupted
        case outOfMemory
        /// It was not run: it failed by running too long again and again.
        case throttled
        case noLibrary
    }

    var end: End
    /// What `console.log` was given.
    var logs: [String] = []
    /// The calls that choose an origin, as JSON: kind and values.
    var changes: [UInt8] = []
}

/// Runs CloudFront Functions: on each reactor a context for each function, made at first use.
package final class FunctionHost: Sendable {
    /// The time in which a function must be done at AWS, of which utilisation is a share.
    ///
    /// Unit: seconds. Source: "Test functions" gives no number; a millisecond is what is usually said.
    package static let allowedTime = 0.001
    /// The processor time after which a function is ended.
    ///
    /// Unit: seconds. More than AWS's, for a laptop is busy with other things as well.
    package static let timeLimit = 0.01
    /// The time in which a connection function must be done at AWS.
    ///
    /// Unit: seconds. Source: "CloudFront Connection Functions".
    package static let allowedConnectionTime = 0.005
    /// The processor time after which a connection function is ended.
    ///
    /// Unit: seconds.
    package static let connectionTimeLimit = 0.05
    /// The most bytes that a function may keep.
    ///
    /// Source: "Quotas on CloudFront Functions".
    package static let memoryLimit = 2 << 20
    /// The most bytes of a function's code.
    ///
    /// Source: "Quotas on CloudFront Functions".
    package static let codeLimit = 10_240
    /// The most contexts of a reactor; the one that was used longest ago makes room.
    ///
    /// Source: "Quotas on CloudFront Functions", functions per account.
    package static let mostContexts = 100
    /// How many runs may be ended before the function is throttled for a while.
    package static let strikes = 3
    /// Unit: seconds.
    package static let pause = 1
    /// After how many runs a context's memory is measured.
    static let memoryInterval = 8192

    /// The most contents of key-value stores that are remembered.
    ///
    /// Source: "Quotas on key value stores", stores per account.
    private static let mostStores = 50

    private let stores = Mutex<[String: (record: String, content: KeyValueContent)]>([:])
    private let reactors = Mutex<[ObjectIdentifier: ReactorLocal<ReactorFunctions>]>([:])
    /// Whether syntax and lengths beyond AWS's are let through, with a line in the log.
    package let isLenient: Bool

    /// The processor time after which a function is ended.
    ///
    /// Unit: seconds.
    let timeLimit: Double

    /// Makes a host without contexts.
    package init(isLenient: Bool = false, timeLimit: Double = FunctionHost.timeLimit) {
        self.isLenient = isLenient
        self.timeLimit = timeLimit
    }

    /// Whether functions can run on this machine.
    package static var isAvailable: Bool { JavaScriptLibrary.loaded != nil }

    /// What to do where they cannot.
    package static let advice =
        "CloudFront Functions need JavaScriptCore: apt-get install \(JavaScriptLibrary.package)"

    /// Runs a function with an event in the prelude's box; call it on the reactor.
    func run(_ function: ViewerFunction, _ box: [UInt8], on reactor: Reactor) -> FunctionOutcome {
        functions(of: reactor).run(function, box, at: reactor.time)
    }

    /// The content of a store's record, read anew only when the record has changed.
    func content(_ key: String, _ record: String) -> KeyValueContent? {
        if let known = stores.withLock({ $0[key] }), known.record == record {
            return known.content
        }
        guard let content = KeyValueContent(record: record) else { return nil }
        stores.withLock { all in
            if all.count >= Self.mostStores { all = [:] }
            all[key] = (record, content)
        }
        return content
    }

    private func functions(of reactor: Reactor) -> ReactorFunctions {
        reactors.withLock { all in
            if let known = all[ObjectIdentifier(reactor)] { return known }
            let made = ReactorLocal(
                ReactorFunctions(isLenient: isLenient, timeLimit: timeLimit)
            )
            all[ObjectIdentifier(reactor)] = made
            return made
        }.value
    }
}

/// The contexts of one reactor.
final class ReactorFunctions {
    private final class Entry {
        var context: JavaScriptContext?
        /// Why there is no context, when the code itself is at fault.
        var failure: JavaScriptFailure?
        var lastUse = 0
        var runs = 0
        var strikes = 0
        var pausedUntil: MonotonicInstant?
    }

    private let isLenient: Bool
    /// Unit: seconds.
    private let timeLimit: Double
    private var entries: [String: Entry] = [:]
    private var uses = 0

    init(isLenient: Bool = false, timeLimit: Double = FunctionHost.timeLimit) {
        self.isLenient = isLenient
        self.timeLimit = timeLimit
    }

    func run(
        _ function: ViewerFunction,
        _ box: [UInt8],
        at time: MonotonicInstant
    ) -> FunctionOutcome {
        let entry = entry(function.key)
        if let until = entry.pausedUntil {
            if time < until { return FunctionOutcome(end: .throttled) }
            entry.pausedUntil = nil
            entry.strikes = 0
        }
        do throws(JavaScriptFailure) {
            let context = try context(entry, function)
            let state = FunctionCall(store: function.store)
            defer { withExtendedLifetime(state) {} }
            let said = try context.respond(to: box, state)
            entry.runs += 1
            if entry.runs % FunctionHost.memoryInterval == 0,
                context.growth() > FunctionHost.memoryLimit
            {
                throw .outOfMemory
            }
            return FunctionAnswer.read(said)
        } catch {
            return outcome(of: error, entry, at: time)
        }
    }

    /// What a context keeps after its runs; for tests of functions.
    ///
    /// Unit: bytes.
    func growth(of function: ViewerFunction) -> Int {
        entries[function.key]?.context?.growth() ?? 0
    }

    private func entry(_ key: String) -> Entry {
        uses += 1
        if let known = entries[key] {
            known.lastUse = uses
            return known
        }
        if entries.count >= FunctionHost.mostContexts,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            entries[oldest.key] = nil
        }
        let made = Entry()
        made.lastUse = uses
        entries[key] = made
        return made
    }

    private func context(
        _ entry: Entry,
        _ function: ViewerFunction
    ) throws(JavaScriptFailure) -> JavaScriptContext {
        if let made = entry.context { return made }
        if let failure = entry.failure { throw failure }
        do throws(JavaScriptFailure) {
            let syntax = FunctionSyntax(function.code, function.runtime)
            if !isLenient {
                if let refusal = syntax.refusal { throw .exception(refusal) }
                if function.code.utf8.count > FunctionHost.codeLimit {
                    throw .exception("the code has more than \(FunctionHost.codeLimit) bytes")
                }
            }
            let made = try JavaScriptContext(
                code: syntax.evaluable,
                function.kind,
                runtime: function.runtime,
                limit: function.kind == .connection
                    ? FunctionHost.connectionTimeLimit : timeLimit
            )
            entry.context = made
            return made
        } catch {
            if case .exception = error { entry.failure = error }
            throw error
        }
    }

    private func outcome(
        of failure: JavaScriptFailure,
        _ entry: Entry,
        at time: MonotonicInstant
    ) -> FunctionOutcome {
        switch failure {
        case .noLibrary: return FunctionOutcome(end: .noLibrary)
        case .exception(let text): return FunctionOutcome(end: .exception(text))
        case .interrupted, .outOfMemory:
            // What was ended in its middle is not run again as if nothing had been.
            entry.context = nil
            entry.strikes += 1
            if entry.strikes >= FunctionHost.strikes {
                entry.pausedUntil = time + .seconds(FunctionHost.pause)
            }
            return FunctionOutcome(end: failure == .interrupted ? .interrupted : .outOfMemory)
        }
    }
}
