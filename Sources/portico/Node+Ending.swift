import DataPlane
import Executor
import Foundation
import FrontDoors
import Model
import Registry
import Templates

// How a node reloads, hands over and ends.

extension Node {
    /// Boots workers for the runtimes of a plan, beside everything else.
    func prewarm(_ invoker: LocalInvoker, for plan: StackPlan) {
        let runtimes = Set(plan.functions.map(\.runtime)).sorted()
        Task { [log] in
            if let failure = await invoker.prewarm(runtimes: runtimes) {
                log.line("\(failure.type): \(failure.message)", level: .error)
            }
        }
    }

    /// Has SIGHUP read the template and the certificates anew.
    func reload(_ listeners: Listeners, and reloader: Reloader, at signals: Signals) {
        signals.onHangUp { [log] in
            do {
                try listeners.viewers.reloadCertificates()
                log.line("certificates are read anew")
            } catch {
                log.line("the old certificates stay: \(error)", level: .error)
            }
            await reloader.reloadNow()
        }
    }

    /// What this node does when another process asks to take over.
    func makeDesk(
        _ core: NodeCore,
        _ listeners: Listeners,
        _ reloader: Reloader,
        _ state: StateFolder,
        end: @escaping @Sendable () -> Void
    ) -> TakeoverDesk {
        let applications = applications
        let duties = TakeoverDesk.Duties(
            prepare: {
                await reloader.hold()
                // The folders of the edges are the new process's to write from now on.
                for replica in core.replicas { await replica.stop() }
                let apps = await applications.handOver()
                let groups = listeners.groups
                let handover = Handover(
                    pid: getpid(),
                    groups: groups.map(\.group),
                    applications: apps.applications,
                    workers: core.workers
                )
                return (
                    handover, [state.lock] + groups.flatMap(\.sockets) + apps.descriptors
                )
            },
            resume: { [log] in
                for replica in core.replicas {
                    do { try await replica.start() } catch {
                        log.line("edge \(replica.name): \(error)", level: .error)
                    }
                }
                reloader.release()
            },
            end: end
        )
        return TakeoverDesk(folder: state.path, reactor: reactors[0], log: log, duties: duties)
    }

    /// Finishes what has begun and ends everything.
    func drain(_ core: NodeCore, _ listeners: Listeners, because end: End) async {
        let isTakenOver = end == .takenOver
        listeners.doors.keepDisks()
        if isTakenOver {
            log.line("another process has taken over; draining")
            await applications.release()
        } else {
            log.line("draining; a second signal ends at once")
        }
        await core.sources.stop()
        await core.bus.stop()
        let limit: Duration = isTakenOver ? Handover.drainLimit : .seconds(10)
        let idle: Duration = isTakenOver ? Handover.idleLimit : .zero
        async let settled: Void = core.events.stop()
        await withTaskGroup(of: Void.self) { group in
            for listener in listeners.all {
                group.addTask { await listener.drain(within: limit, sparingIdle: idle) }
            }
        }
        listeners.doors.flushAccessLogs()
        // What still runs of the queue would be run again by the other process.
        let patience = ContinuousClock.now + limit
        while isTakenOver, await !core.events.isIdle, ContinuousClock.now < patience {
            try? await Task.sleep(for: .milliseconds(20))
        }
        await core.invoker.shutdown()
        await settled
        await applications.stopAll()
        log.flush()
    }
}

extension Node.Listeners {
    /// The sockets of every listener with what they are for.
    fileprivate var groups: [(group: InheritedSockets.Group, sockets: [Int32])] {
        let kinds: [(InheritedSockets.Kind, [DataPlane.Listener])] = [
            (.https, https), (.http, http), (.api, api),
        ]
        return kinds.flatMap { kind, listeners in
            listeners.map { listener in
                let sockets = listener.sockets
                let group = InheritedSockets.Group(
                    kind: kind,
                    address: listener.address,
                    port: listener.port,
                    count: sockets.count
                )
                return (group, sockets)
            }
        }
    }
}
