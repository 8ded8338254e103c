package import DataPlane
import Dispatch
import HTTP
package import Model

/// The asynchronous invocations of this machine: accepted durably, tried until done or given up.
///
/// At least once, in no order. An actor with an executor of its own, because its store blocks.
package actor EventQueue {
    /// How many events may wait.
    package static let capacity = 100_000
    /// How many run at once.
    static let concurrency = 64
    /// The longest an attempt may take before the caller's side gives up on it.
    static let patience: Duration = .seconds(960)

    /// What the queue must know of the functions.
    package struct Functions: Sendable {
        /// The version (`name:version`) that a name and qualifier mean now.
        package var resolve: @Sendable (String, String?) -> String?
        /// The settings of a name and qualifier.
        package var settings: @Sendable (String, String?) -> EventSettings?
        /// Whether a function's reserve is nothing.
        package var isStopped: @Sendable (String) -> Bool
        /// The dead letter target of a version (`name:version`).
        package var deadLetterTarget: @Sendable (String) -> String?
        /// Delivers something to an ARN that is no function's; gives what went wrong.
        package var deliver: @Sendable (Parcel, String) async -> ServiceFailure?

        /// Makes a description.
        package init(
            resolve: @escaping @Sendable (String, String?) -> String?,
            settings: @escaping @Sendable (String, String?) -> EventSettings?,
            isStopped: @escaping @Sendable (String) -> Bool,
            deadLetterTarget: @escaping @Sendable (String) -> String? = { _ in nil },
            deliver: @escaping @Sendable (Parcel, String) async -> ServiceFailure?
        ) {
            self.resolve = resolve
            self.settings = settings
            self.isStopped = isStopped
            self.deadLetterTarget = deadLetterTarget
            self.deliver = deliver
        }
    }

    /// Why an event was not accepted.
    package enum Refusal: Error, Sendable { case full, store(String) }

    private let store: EventStore
    private let invoker: any FunctionInvoker
    private let functions: Functions
    private let clock: any EventClock
    private let log: @Sendable (String) -> Void
    private let executor = QueueExecutor(label: "portico.events")
    private var waiting = EventHeap()
    private var running = 0
    /// The events that wait or run here; others in the file are another process's.
    private var held: Set<String> = []
    private var timer: Task<Void, Never>?
    private var isStopped = false
    private var whenIdle: [CheckedContinuation<Void, Never>] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Opens the queue's file; what is in it is tried again after `start`.
    ///
    /// With `sparesFile` it is left to the process that still works on it, until `takeUp`.
    package init(
        path: String,
        sparesFile: Bool = false,
        invoker: any FunctionInvoker,
        functions: Functions,
        clock: any EventClock = SystemEventClock(),
        log: @escaping @Sendable (String) -> Void
    ) throws {
        store = try EventStore(path: path)
        self.invoker = invoker
        self.functions = functions
        self.clock = clock
        self.log = log
        guard !sparesFile else { return }
        for (id, due) in try store.all() {
            waiting.insert(id, due: due)
            held.insert(id)
        }
    }

    /// Takes up what is in the file and not in work here: the process that worked on it has ended.
    package func takeUp() {
        do {
            for (id, due) in try store.all() where held.insert(id).inserted {
                waiting.insert(id, due: due)
            }
        } catch {
            log("the queue of events: \(error)")
        }
        pump()
    }

    /// How many events wait or run.
    package var count: Int { waiting.count + running }

    /// Whether nothing runs.
    package var isIdle: Bool { running == 0 }

    /// Begins to work on what waits.
    package func start() { pump() }

    /// Accepts an event; when this returns the event survives the end of the process.
    /// - Throws: `Refusal`.
    package func accept(_ event: QueuedEvent) throws(Refusal) {
        guard count < Self.capacity else { throw .full }
        var event = event
        event.acceptedAt = clock.milliseconds
        do {
            try store.put(event, due: event.acceptedAt)
        } catch {
            throw .store("\(error)")
        }
        waiting.insert(event.id, due: event.acceptedAt)
        held.insert(event.id)
        pump()
    }

    /// Starts nothing more and returns when nothing runs; what waits stays in the file.
    package func stop() async {
        isStopped = true
        timer?.cancel()
        guard running > 0 else { return }
        await withCheckedContinuation { whenIdle.append($0) }
    }

    private func pump() {
        timer?.cancel()
        timer = nil
        while !isStopped, running < Self.concurrency, let next = waiting.first {
            guard next.due <= clock.milliseconds else { return wake(at: next.due) }
            _ = waiting.removeFirst()
            running += 1
            Task { await attempt(next.id) }
        }
    }

    private func wake(at due: Int64) {
        timer = Task { [clock] in
            await clock.sleep(until: due)
            if !Task.isCancelled { pump() }
        }
    }

    private func attempt(_ id: String) async {
        do {
            if var event = try store.event(id) { try await run(&event) }
        } catch {
            log("event \(id): \(error)")
            waiting.insert(id, due: clock.milliseconds + 60_000)
        }
        running -= 1
        if running == 0 {
            for continuation in whenIdle { continuation.resume() }
            whenIdle = []
        }
        pump()
    }

    private func run(_ event: inout QueuedEvent) async throws {
        let settings = functions.settings(event.function, event.qualifier)
        guard let key = functions.resolve(event.function, event.qualifier) else {
            log("event \(event.id): the function \(event.function) is gone; the event is dropped")
            return try finish(event.id)
        }
        var result: InvocationResult?
        let attempt: EventSchedule.Attempt
        if functions.isStopped(event.function) {
            attempt = .stopped
        } else {
            let answer = await invoker.invoke(invocation(event, key))
            // What a stopping node kills is no fault of the function.
            if isStopped, case .functionError(.exited, _) = answer { return }
            result = answer
            switch answer {
            case .success: attempt = .success
            case .functionError: attempt = .functionError
            case .throttled, .notFound: attempt = .throttled
            }
        }
        switch attempt {
        case .success, .functionError: event.attempts += 1
        case .throttled: event.deferrals += 1
        case .stopped: break
        }
        try await settle(event, attempt, settings, key: key, result)
    }

    private func invocation(_ event: QueuedEvent, _ key: String) -> Invocation {
        var invocation = Invocation(
            function: key,
            payload: event.payload,
            requestID: event.id,
            limit: Self.patience
        )
        invocation.arn = FunctionARN(name: event.function, qualifier: event.qualifier).text
        invocation.clientContext = event.clientContext
        invocation.traceID = event.traceID
        invocation.route = "event"
        return invocation
    }

    private func settle(
        _ event: QueuedEvent,
        _ attempt: EventSchedule.Attempt,
        _ settings: EventSettings?,
        key: String,
        _ result: InvocationResult?
    ) async throws {
        let now = clock.milliseconds
        let version = key.split(separator: ":").last.map(String.init) ?? "$LATEST"
        func record(_ condition: String) -> Parcel {
            .record(
                DestinationRecord.make(
                    event,
                    condition: condition,
                    version: version,
                    result: result,
                    now: now
                ),
                function: FunctionARN(
                    name: event.function,
                    qualifier: event.qualifier ?? "$LATEST"
                ).text,
                isSuccess: condition == "Success"
            )
        }
        switch EventSchedule.decide(attempt, event, settings, now: now) {
        case .retry(let due):
            try store.put(event, due: due)
            waiting.insert(event.id, due: due)
            return
        case .done: await send(record("Success"), to: settings?.onSuccess, about: event)
        case .giveUp(let condition):
            let deadLetters = functions.deadLetterTarget(key)
            if settings?.onFailure == nil, deadLetters == nil {
                log("event \(event.id) of \(event.function) is given up: \(condition.rawValue)")
            }
            await send(record(condition.rawValue), to: settings?.onFailure, about: event)
            let (code, message) = DestinationRecord.error(of: result)
            let letter = Parcel.deadLetter(event, code: code, message: message)
            await send(letter, to: deadLetters, about: event)
        }
        try finish(event.id)
    }

    /// An event is done.
    private func finish(_ id: String) throws {
        try store.remove(id)
        held.remove(id)
    }

    /// How long after a failed delivery another attempt is made.
    ///
    /// Unit: milliseconds.
    private static let deliveryPauses: [Int64] = [1000, 5000]

    /// Hands a record to a function as an event of its own, or to whoever delivers to other services.
    private func send(_ parcel: Parcel, to arn: String?, about event: QueuedEvent) async {
        guard let arn else { return }
        if let target = FunctionARN(arn), arn.hasPrefix("arn:") {
            guard case .record(let record, _, _) = parcel else { return }
            let next = QueuedEvent(
                id: RequestIdentifier.make(),
                function: target.name,
                qualifier: target.qualifier,
                payload: record[...]
            )
            do throws(Refusal) {
                try accept(next)
            } catch {
                log("event \(event.id): its record for \(arn) was not accepted: \(error)")
            }
            return
        }
        var problem = await functions.deliver(parcel, arn)
        for pause in Self.deliveryPauses {
            guard let failure = problem, failure.mayPass, !isStopped else { break }
            await clock.sleep(until: clock.milliseconds + pause)
            problem = await functions.deliver(parcel, arn)
        }
        if let problem { log("event \(event.id) could not be delivered to \(arn): \(problem)") }
    }
}

/// A serial executor on a dispatch queue, where the store may block away from the reactors.
private final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.async { unowned.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
