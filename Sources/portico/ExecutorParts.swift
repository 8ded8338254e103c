import ControlPlane
import DataPlane
import Executor
import Foundation
import JSON
import Model
import Reactor
import Registry
import Synchronization

/// What runs functions in a process, made the same way for every role.
struct ExecutorParts: Sendable {
    let configuration: NodeConfiguration
    let reactors: [Reactor]
    let log: LogWriter
    let tails: LogTails
    /// What functions wrote.
    let logs = LogStore()
    /// What functions used.
    let costs = CostLedger()
    /// Makes segments; nil leaves tracing off.
    let tracing: TracingParts?
    /// The logical ids of functions, where there is a stack.
    var names: LogicalNames?

    /// The invoker of the functions that these replicas know.
    func makeInvoker(_ replicas: [EdgeReplica]) -> LocalInvoker {
        let boxes = replicas.map(\.box)
        let (tails, log, logs) = (tails, log, logs)
        let staging = Deployer.staging(state: configuration.state)
        var settings = ExecutorConfiguration(
            workFolder: configuration.state + "/" + configuration.workers,
            liftsProcessBudget: configuration.liftsProcessBudget
        )
        settings.costs = costs
        settings.groups = ControlGroups.find(dividingProcessors: configuration.sharesProcessors)
        settings.sharesProcessors = configuration.sharesProcessors
        settings.isolation = configuration.isolation
        settings.freezesBetweenInvocations = configuration.freezes
        settings.concurrency.limitsRequestRate = configuration.limitsRates
        settings.concurrency.limitsScalingRate = configuration.limitsRates
        settings.tracer = tracing?.tracer
        settings.debug = configuration.debug.map { wanted in
            let names = names
            return DebugTarget(port: configuration.debugPort) {
                $0 == wanted || names?[wanted] == $0
            }
        }
        let invoker = LocalInvoker(
            configuration: settings,
            reactors: reactors,
            functions: { key in boxes.lazy.compactMap { $0.current.functions[key] }.first },
            codeFolder: { digest in
                if let applied = replicas.lazy.compactMap({ $0.codeFolder(digest) }).first {
                    return applied
                }
                let staged = staging + "/" + digest
                return FileManager.default.fileExists(atPath: staged) ? staged : nil
            },
            log: { line in
                log.function(line)
                logs.append(line)
                if let id = line.requestID { tails.append(line.text, requestID: id) }
            }
        )
        return invoker
    }

    /// Throws when this machine cannot keep functions apart or divide its time as it is told to.
    static func check(_ invoker: LocalInvoker) async throws {
        var found = invoker.sharingProblem
        if found == nil { found = await invoker.isolationProblem() }
        guard let problem = found else { return }
        await invoker.shutdown()
        throw CommandFailure(problem)
    }

    /// Lets an invoker follow what a replica applies.
    func follow(_ replica: EdgeReplica, with invoker: LocalInvoker) {
        let costs = costs
        let follow: @Sendable (Snapshot) -> Void = { snapshot in
            invoker.retire(functionsOtherThan: snapshot.functions)
            invoker.reserve(snapshot.functionSettings.compactMapValues(\.reservedConcurrency))
            invoker.provision(snapshot.provisionedEnvironments)
            invoker.prepareSnapshots(of: snapshot.functions)
            costs.provision(snapshot.provisionedEnvironments) {
                snapshot.functions[$0]?.memory
            }
        }
        replica.onApply(follow)
        follow(replica.box.current)
    }

    /// Boots blank workers for the runtimes of a replica's functions, as they appear.
    func prewarm(for replica: EdgeReplica, with invoker: LocalInvoker) {
        let warm = WarmRuntimes()
        let log = log
        let look: @Sendable (Snapshot) -> Void = { snapshot in
            let fresh = warm.add(Set(snapshot.functions.values.map(\.runtime)))
            guard !fresh.isEmpty else { return }
            Task {
                if let failure = await invoker.prewarm(runtimes: fresh.sorted()) {
                    log.line("\(failure.type): \(failure.message)", level: .error)
                }
            }
        }
        replica.onApply(look)
        look(replica.box.current)
    }

    /// What calls AWS services where the template or this process's variables say that they are.
    func makeServices(_ replica: EdgeReplica) -> ServiceClient {
        let box = replica.box
        let variables = ProcessInfo.processInfo.environment
        return ServiceClient(
            reactor: reactors[0],
            endpoints: ServiceEndpoints(
                overrides: { box.current.originOverrides },
                variables: { variables[$0] }
            ),
            credentials: ServiceClient.Credentials(
                accessKey: variables["AWS_ACCESS_KEY_ID"] ?? FunctionCredentials().accessKey,
                secretKey: variables["AWS_SECRET_ACCESS_KEY"] ?? FunctionCredentials().secretKey,
                sessionToken: variables["AWS_SESSION_TOKEN"]
            )
        )
    }

    /// The polling of event sources, which follows what a replica applies.
    func makeSources(_ invoker: LocalInvoker, _ replica: EdgeReplica) throws -> EventSources {
        let box = replica.box
        let log = log
        let services = makeServices(replica)
        let delivery = DestinationDelivery(client: services)
        return EventSources(
            SourceContext(
                client: services,
                invoker: invoker,
                resolve: { name, qualifier in
                    let snapshot = box.current
                    return snapshot.resolve(function: qualifier.map { "\(name):\($0)" } ?? name)
                        .flatMap { snapshot.functions[$0] }
                },
                deliver: { parcel, arn in
                    do throws(ServiceFailure) {
                        try await delivery.deliver(parcel, to: arn)
                        return nil
                    } catch {
                        return error
                    }
                },
                log: { log.line($0, level: .warning) }
            ),
            checkpoints: try CheckpointStore(path: configuration.state + "/sources.sqlite")
        )
    }

    /// Lets polling and rules follow what a replica applies, from now on.
    func follow(_ replica: EdgeReplica, with sources: EventSources, _ bus: EventBus) {
        _ = EventDuties(replica, sources, bus, isLeading: true)
    }

    /// The event buses, which call functions through the queue of asynchronous calls.
    func makeBus(_ invoker: LocalInvoker, _ replica: EdgeReplica) -> EventBus {
        let box = replica.box
        let log = log
        return EventBus(
            EventBus.Surroundings(
                client: makeServices(replica),
                call: { name, qualifier, payload in
                    let reference = qualifier.map { "\(name):\($0)" } ?? name
                    guard let key = box.current.resolve(function: reference) else {
                        return "there is no function \(reference)"
                    }
                    var invocation = Invocation(
                        function: key,
                        payload: payload[...],
                        requestID: RequestIdentifier.make()
                    )
                    invocation.arn = FunctionARN(name: name, qualifier: qualifier).text
                    return await invoker.enqueue(invocation).map { _ in "its queue is full" }
                },
                permits: { box.current.permits($0, toInvoke: $1) },
                log: { log.line($0, level: .warning) }
            )
        )
    }

    /// The queue of asynchronous invocations, in a file of its own in the state folder.
    ///
    /// With `sparesFile` what is in it is left to the process that is taken over, to its end.
    func makeEvents(
        _ invoker: LocalInvoker,
        _ replica: EdgeReplica,
        _ bus: EventBus? = nil,
        sparesFile: Bool = false
    ) throws -> EventQueue {
        let box = replica.box
        let log = log
        let delivery = DestinationDelivery(client: makeServices(replica)) { event in
            await bus?.put(event) != nil
        }
        return try EventQueue(
            path: configuration.state + "/events.sqlite",
            sparesFile: sparesFile,
            invoker: invoker,
            functions: EventQueue.Functions(
                resolve: { name, qualifier in
                    box.current.resolve(function: qualifier.map { "\(name):\($0)" } ?? name)
                },
                settings: { name, qualifier in
                    box.current.functionSettings[name]?.events[qualifier ?? "$LATEST"]
                },
                isStopped: { box.current.functionSettings[$0]?.reservedConcurrency == 0 },
                deadLetterTarget: { box.current.functions[$0]?.deadLetterTarget },
                deliver: { parcel, arn in
                    do throws(ServiceFailure) {
                        try await delivery.deliver(parcel, to: arn)
                        return nil
                    } catch {
                        return error
                    }
                }
            ),
            log: { log.line($0, level: .warning) }
        )
    }
}

/// The runtimes whose workers were booted.
private final class WarmRuntimes: Sendable {
    private let known = Mutex<Set<String>>([])

    /// Adds runtimes; returns those that are new.
    func add(_ runtimes: Set<String>) -> Set<String> {
        known.withLock { known in
            defer { known.formUnion(runtimes) }
            return runtimes.subtracting(known)
        }
    }
}
