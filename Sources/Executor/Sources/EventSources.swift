import Model

/// Polls every mapping that is switched on.
package actor EventSources {
    /// The most mappings that are polled at once.
    package static let maximum = 1000

    private let context: SourceContext
    /// How far streams are done.
    package nonisolated let checkpoints: CheckpointStore
    private nonisolated let states = SourceStates()
    private var pollers: [String: (mapping: EventSourceMapping, task: Task<Void, Never>)] = [:]
    /// Those that were told to stop and have not ended yet, by mapping.
    private var ending: [String: Task<Void, Never>] = [:]
    private var isStopped = false

    /// Makes a set without mappings.
    package init(_ context: SourceContext, checkpoints: CheckpointStore) {
        self.context = context
        self.checkpoints = checkpoints
    }

    /// What is known of each mapping's work, by its UUID.
    package nonisolated var status: [String: SourceStatus] { states.current }

    /// Polls these mappings from now on and no others.
    package func follow(_ mappings: [EventSourceMapping]) {
        guard !isStopped else { return }
        let wanted = Dictionary(mappings.map { ($0.uuid, $0) }) { $1 }
        for (uuid, poller) in pollers where wanted[uuid] != poller.mapping {
            poller.task.cancel()
            ending[uuid] = poller.task
            pollers[uuid] = nil
        }
        for uuid in states.current.keys where wanted[uuid] == nil {
            states.forget(uuid)
            checkpoints.forget(uuid)
        }
        for mapping in mappings where mapping.isEnabled && pollers[mapping.uuid] == nil {
            guard pollers.count < Self.maximum else {
                context.log("only \(Self.maximum) event sources are polled at once")
                break
            }
            start(mapping)
        }
    }

    private func start(_ mapping: EventSourceMapping) {
        states.change(mapping.uuid) { _ in }
        let before = ending.removeValue(forKey: mapping.uuid)
        let (context, states, checkpoints) = (context, states, checkpoints)
        let task = Task {
            // The one with the settings of before must be done first, so that order is kept.
            await before?.value
            await Self.poll(mapping, context, states, checkpoints)
        }
        pollers[mapping.uuid] = (mapping, task)
    }

    private static func poll(
        _ mapping: EventSourceMapping,
        _ context: SourceContext,
        _ states: SourceStates,
        _ checkpoints: CheckpointStore
    ) async {
        let service: any StreamService
        switch mapping.kind {
        case .queue: return await QueuePoller(mapping, context, states).run()
        case .kinesis:
            service = KinesisService(mapping: mapping, client: context.client) {
                let role = context.resolve(mapping.function, mapping.qualifier)?.role
                return role ?? "arn:aws:iam::\(FunctionARN.account):role/\(mapping.function)"
            }
        case .dynamodb: service = DynamoStreamService(mapping: mapping, client: context.client)
        }
        await StreamPoller(mapping, context, states, service: service, checkpoints: checkpoints)
            .run()
    }

    /// Stops all polling; batches that run end by themselves.
    package func stop() {
        isStopped = true
        for poller in pollers.values { poller.task.cancel() }
        pollers = [:]
        ending = [:]
    }
}
