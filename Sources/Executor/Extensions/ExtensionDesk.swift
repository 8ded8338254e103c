import Reactor

/// The extensions of one environment: who registered, what each is told, and when all are done.
///
/// Confined to its reactor. Source: "Using the Lambda Extensions API".
final class ExtensionDesk {
    /// The most extensions of an environment.
    ///
    /// Source: "Using the Lambda Extensions API".
    static let maximum = 10

    /// Why extensions broke the environment.
    struct Failure {
        /// Such as `Extension.Crash`.
        var type: String
        var text: String
    }

    private let reactor: Reactor
    private(set) var members: [ExtensionMember] = []
    /// The first failure, which is the one that counts.
    private(set) var failure: Failure?
    /// Runs when an extension has broken the environment.
    var onFailure: (() -> Void)?
    private var isOpen = true
    private var isEnding = false
    private var watchers: [UnsafeContinuation<Void, Never>] = []

    init(reactor: Reactor) { self.reactor = reactor }

    /// Whether an invocation lasts until extensions have asked for more.
    var followsInvocations: Bool { members.contains { $0.events.contains(.invoke) } }
    var hasExternal: Bool { members.contains(where: \.isExternal) }

    // MARK: Registration

    /// Announces an external extension that is about to start; false above the limit.
    func expect(_ name: String) -> Bool {
        guard members.count < Self.maximum else { return false }
        members.append(ExtensionMember(name: name, isExternal: true))
        return true
    }

    /// Waits until every external extension has registered; false when time ran out or one has failed.
    func waitForRegistrations(until deadline: MonotonicInstant) async -> Bool {
        await wait(until: deadline) {
            failure != nil || members.allSatisfy { !$0.isExternal || $0.state != .started }
        } && failure == nil
    }

    /// Why a registration was refused.
    enum Refusal: Error { case closed, tooMany, wrongState(ExtensionState) }

    /// Registers an external extension that was started here, or an internal one.
    func register(
        _ name: String,
        for events: [ExtensionMember.Kind]
    ) -> Result<ExtensionMember, Refusal> {
        guard isOpen else { return .failure(.closed) }
        if let known = members.first(where: { $0.name == name }) {
            guard known.register(for: events) else { return .failure(.wrongState(known.state)) }
            notify()
            return .success(known)
        }
        guard members.count < Self.maximum else { return .failure(.tooMany) }
        let member = ExtensionMember(name: name, isExternal: false)
        _ = member.register(for: events)
        members.append(member)
        return .success(member)
    }

    /// Whether an extension of this name is a process that was started here.
    func isExternal(_ name: String) -> Bool {
        members.contains { $0.name == name && $0.isExternal }
    }

    /// The runtime has begun to ask for invocations: nobody registers any more.
    func closeRegistration() { isOpen = false }

    func member(id: String) -> ExtensionMember? { members.first { $0.id == id } }

    // MARK: Events

    /// The next event of an extension; nil when none will come.
    func next(of member: ExtensionMember) async -> ExtensionMember.Event? {
        notify()
        return await member.take()
    }

    /// Tells those that follow invocations of one.
    func begin(_ call: EnvironmentCall) {
        for member in members where member.events.contains(.invoke) { member.give(.invoke(call)) }
    }

    /// Waits until all that follow invocations have asked for more; false when time ran out.
    ///
    /// At the end of the init phase that is every one that has registered.
    func waitUntilIdle(everyOne: Bool = false, until deadline: MonotonicInstant) async -> Bool {
        await wait(until: deadline) {
            failure != nil
                || members.allSatisfy {
                    $0.isIdle || !$0.state.isAlive || !everyOne && !$0.events.contains(.invoke)
                }
        } && failure == nil
    }

    /// Tells those that want to know that the environment ends.
    func beginShutdown(_ reason: ShutdownReason, deadline: Int64) {
        isEnding = true
        for member in members where member.isExternal && member.events.contains(.shutdown) {
            member.give(.shutdown(reason, deadline: deadline))
        }
    }

    // MARK: Failures

    /// The process of an external extension has ended; outside of the shutdown phase that is a failure.
    func ended(_ name: String, _ text: String) {
        guard let member = members.first(where: { $0.name == name && $0.isExternal }) else {
            return
        }
        _ = member.apply(.exit)
        if isEnding { notify() } else { fail("Extension.Crash", "\(name): \(text)") }
    }

    /// Keeps the first failure and ends the environment.
    func fail(_ type: String, _ text: String) {
        defer { notify() }
        guard failure == nil, !isEnding else { return }
        failure = Failure(type: type, text: text)
        onFailure?()
    }

    /// The environment is over: nobody waits any more.
    func close() {
        isEnding = true
        isOpen = false
        for member in members { member.release() }
        notify()
    }

    // MARK: Waiting

    private func wait(until deadline: MonotonicInstant, _ condition: () -> Bool) async -> Bool {
        while !condition() {
            guard reactor.preciseTime < deadline else { return false }
            let timer = reactor.schedule(at: deadline) { [weak self] in self?.notify() }
            await withUnsafeContinuation { watchers.append($0) }
            reactor.cancel(timer)
        }
        return true
    }

    private func notify() {
        let waiting = watchers
        watchers = []
        for watcher in waiting { watcher.resume() }
    }
}
