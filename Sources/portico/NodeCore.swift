import Executor
import Foundation
import Registry

/// What a node consists of behind its listeners.
struct NodeCore: Sendable {
    let registry: PrimaryRegistry
    let replicas: [EdgeReplica]
    let invoker: LocalInvoker
    let events: EventQueue
    let sources: EventSources
    let bus: EventBus
    let deployer: Deployer
    /// The folder of the workers in the state folder.
    let workers: String
    let parts: ExecutorParts

    /// Opens the state folder of a node; what the node that it takes over still works on is left alone.
    static func make(_ node: Node, after predecessor: Predecessor?) async throws -> NodeCore {
        var configuration = node.configuration
        if let handover = predecessor?.handover { configuration.workers = handover.otherWorkers }
        let state = configuration.state
        let keys = try StoreOption.keys(state: state)
        let registry = PrimaryRegistry(
            store: try SQLiteStore(directory: state + "/registry", keys: keys)
        )
        let replicas = configuration.edges.map { name in
            EdgeReplica(
                name: name,
                directory: state + "/edges/" + name,
                registry: registry,
                keys: keys
            )
        }
        for replica in replicas { try await replica.start() }
        let tracing = try TracingParts(configuration.tracing)
        tracing?.start(on: node.reactors[0], log: node.log)
        let parts = ExecutorParts(
            configuration: configuration,
            reactors: node.reactors,
            log: node.log,
            tails: node.tails,
            tracing: tracing,
            names: node.names
        )
        let invoker = parts.makeInvoker(replicas)
        try await ExecutorParts.check(invoker)
        parts.follow(replicas[0], with: invoker)
        let bus = parts.makeBus(invoker, replicas[0])
        let events = try parts.makeEvents(
            invoker,
            replicas[0],
            bus,
            sparesFile: predecessor != nil
        )
        invoker.attach(events)
        let deployer = Deployer(
            registry: registry,
            invoker: invoker,
            edges: configuration.edges,
            state: state,
            names: node.names
        )
        return NodeCore(
            registry: registry,
            replicas: replicas,
            invoker: invoker,
            events: events,
            sources: try parts.makeSources(invoker, replicas[0]),
            bus: bus,
            deployer: deployer,
            workers: configuration.workers,
            parts: parts
        )
    }

    /// Begins to poll event sources and to run rules; two processes must not do so at once.
    func follow() { parts.follow(replicas[0], with: sources, bus) }
}
