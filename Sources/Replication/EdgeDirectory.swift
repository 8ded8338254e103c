import Crypto
import Foundation
package import Model
package import Registry
import Synchronization

/// The enrolled edges: who may follow, how far each is, and which faults were injected.
package final class EdgeDirectory: Sendable {
    /// The most edges that are remembered.
    package static let maximumEdges = 20_000

    fileprivate struct Member {
        var record: EdgeRecord
        var report: AppliedReport?
        var address: String?
        /// Seconds since 1970.
        var lastContact = 0.0
        var heard: ContinuousClock.Instant?
        var lag = Duration.zero
        var partitionedUntil: ContinuousClock.Instant?
        var orders: [String] = []
        /// When it was last written for the other primaries.
        var shared: ContinuousClock.Instant?
        /// Whether it said something new to this primary since.
        var isNew = false
        var sharedRevision = -1
    }

    fileprivate struct State {
        var members: [String: Member] = [:]
        var downUntil: ContinuousClock.Instant?
        var hooks: [@Sendable () -> Void] = []
    }

    private let silence: Duration
    private let now: @Sendable () -> ContinuousClock.Instant
    fileprivate let state = Mutex(State())

    /// Makes an empty directory; an edge that is silent for longer than `silence` counts as gone.
    package init(
        silence: Duration,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.silence = silence
        self.now = now
    }

    /// Takes over the records of a state.
    package func load(_ snapshot: Snapshot) {
        let records = EdgeRecord.all(in: snapshot)
        state.withLock { state in
            for name in state.members.keys where records[name] == nil { state.members[name] = nil }
            for record in records.values { state.take(record) }
        }
    }

    /// Takes over what a revision changes; true when it concerns edges.
    @discardableResult
    package func load(_ changes: [Change]) -> Bool {
        var isConcerned = false
        for change in changes {
            switch change {
            case .put(.record(let id, let document)) where id.hasPrefix(EdgeRecord.prefix):
                guard let record = EdgeRecord(document: document) else { continue }
                isConcerned = true
                state.withLock { $0.take(record) }
            case .delete(let key) where key.hasPrefix("record/" + EdgeRecord.prefix):
                isConcerned = true
                let name = String(key.dropFirst("record/".count + EdgeRecord.prefix.count))
                state.withLock { $0.members[name] = nil }
            case .put, .delete, .resetVersions: continue
            }
        }
        return isConcerned
    }

    /// The edge that a certificate stands for.
    ///
    /// - Throws: `FeedError` of the kind `refused` with what is wrong with it.
    func admit(_ identity: CertificateIdentity) throws(FeedError) -> EdgeRecord {
        let record = state.withLock { $0.members[identity.commonName]?.record }
        guard let record else {
            throw FeedError(.refused, "no edge '\(identity.commonName)' is enrolled here")
        }
        guard !record.isRevoked else {
            throw FeedError(.refused, "the edge '\(record.name)' was revoked")
        }
        guard record.fingerprints.contains(identity.fingerprint) else {
            throw FeedError(.refused, "the edge '\(record.name)' has a newer certificate than this")
        }
        return record
    }

    /// Whether an edge may follow now, and how late.
    func condition(of name: String) -> EdgeCondition {
        let now = now()
        return state.withLock { state in
            if let until = state.downUntil {
                if until > now { return EdgeCondition(mayFollow: false, lag: .zero) }
                state.downUntil = nil
            }
            guard let member = state.members[name], !member.record.isRevoked else {
                return EdgeCondition(mayFollow: false, lag: .zero)
            }
            if let until = member.partitionedUntil {
                if until > now { return EdgeCondition(mayFollow: false, lag: member.lag) }
                state.members[name]?.partitionedUntil = nil
            }
            return EdgeCondition(mayFollow: true, lag: member.lag)
        }
    }

    /// Whether this primary plays dead.
    package var isDown: Bool {
        let now = now()
        return state.withLock { $0.downUntil.map { $0 > now } ?? false }
    }

    /// Calls the hook after every report of an edge, of whichever primary it was heard by.
    package func onReport(_ hook: @escaping @Sendable () -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    private func tellHooks() { for hook in state.withLock({ $0.hooks }) { hook() } }

    /// Remembers what an edge said, also of those that follow it.
    package func note(_ report: AppliedReport, address: String) {
        let now = now()
        let time = Date().timeIntervalSince1970
        state.withLock { state in
            state.note(report, address: address, at: now, time: time)
            for follower in report.followers where follower.age >= 0 {
                var said = AppliedReport(
                    name: follower.name,
                    revision: follower.revision,
                    repairs: follower.repairs
                )
                said.error = follower.error
                state.note(
                    said,
                    address: follower.address,
                    at: now - .seconds(min(follower.age, 86_400)),
                    time: time - follower.age
                )
            }
        }
        tellHooks()
    }

    /// What an edge said to this primary.
    struct Said: Sendable {
        var report: AppliedReport
        var address: String
        var lastContact: Double
        var certificateExpires: Int
    }

    /// What edges said here that the other primaries do not know yet.
    func takeUnshared(refresh: Duration) -> [Said] {
        let now = now()
        return state.withLock { state in
            var found: [Said] = []
            for (name, member) in state.members {
                guard member.isNew, let report = member.report else { continue }
                let isDue = member.shared.map { now - $0 >= refresh } ?? true
                guard isDue || member.sharedRevision != report.revision else { continue }
                state.members[name]?.isNew = false
                state.members[name]?.shared = now
                state.members[name]?.sharedRevision = report.revision
                found.append(
                    Said(
                        report: report,
                        address: member.address ?? "",
                        lastContact: member.lastContact,
                        certificateExpires: member.record.notAfter
                    )
                )
            }
            return found
        }
    }

    /// Remembers what an edge said to another primary some seconds ago.
    func note(_ report: AppliedReport, address: String, age: Double) {
        let now = now()
        let time = Date().timeIntervalSince1970
        state.withLock {
            $0.note(
                report,
                address: address,
                at: now - .seconds(min(max(age, 0), 86_400)),
                time: time - age,
                isNew: false
            )
        }
        tellHooks()
    }

    /// Remembers that an edge was there.
    func touch(_ name: String, address: String) {
        let now = now()
        let time = Date().timeIntervalSince1970
        state.withLock { state in
            guard state.members[name] != nil else { return }
            state.members[name]?.address = address
            state.members[name]?.heard = now
            state.members[name]?.lastContact = time
        }
    }

    /// What edges that follow this one have said, for the report of a relay.
    package func followers() -> [AppliedReport.Follower] {
        let now = now()
        return state.withLock { state in
            state.members.values.compactMap { member in
                guard let report = member.report, let heard = member.heard else { return nil }
                return AppliedReport.Follower(
                    name: report.name,
                    revision: report.revision,
                    error: report.error,
                    repairs: report.repairs,
                    address: member.address ?? "",
                    age: (now - heard) / .seconds(1)
                )
            }
        }
    }

    /// How every edge is, by name; revoked ones are left out.
    package func statuses(
        head: Int,
        published: (Int) -> ContinuousClock.Instant?
    ) -> [ReplicaStatus] {
        let now = now()
        let (members, downUntil) = state.withLock { ($0.members, $0.downUntil) }
        return members.values.filter { !$0.record.isRevoked }.sorted {
            $0.record.name < $1.record.name
        }
        .map { member in
            let revision = member.report?.revision ?? 0
            var status = ReplicaStatus(
                name: member.record.name,
                revision: revision,
                lag: max(0, head - revision),
                lastContact: member.lastContact
            )
            status.isLive = member.heard.map { now - $0 <= silence } ?? false
            status.address = member.address
            status.error = member.report?.error
            status.repairs = member.report?.repairs ?? 0
            status.certificateExpires = member.record.notAfter
            if status.lag > 0, let since = published(revision + 1) {
                status.lagSeconds = (now - since) / .seconds(1)
            }
            status.faults = member.faults(at: now)
            if let downUntil, downUntil > now { status.faults.append("primary down") }
            return status
        }
    }
}

extension EdgeDirectory {
    /// Brings a fault over an edge; false when no such edge is enrolled.
    package func inject(_ fault: InjectedFault, into name: String) -> Bool {
        let now = now()
        return state.withLock { state in
            guard var member = state.members[name], !member.record.isRevoked else { return false }
            switch fault {
            case .lag(let duration): member.lag = duration
            case .partition(let duration): member.partitionedUntil = now + duration
            case .kill: member.orders = ["kill"]
            }
            state.members[name] = member
            return true
        }
    }

    /// Makes this primary play dead towards edges and AWS clients for a while; zero ends it.
    package func playDead(for duration: Duration) {
        let now = now()
        state.withLock { $0.downUntil = duration > .zero ? now + duration : nil }
    }

    /// The next order for an edge, which it gets once.
    func takeOrder(for name: String) -> String? {
        state.withLock { state in
            guard let order = state.members[name]?.orders.first else { return nil }
            state.members[name]?.orders.removeFirst()
            return order
        }
    }

    /// Forgets orders for a process that followed before: a new connection may be another process's.
    func withdrawOrders(for name: String) {
        state.withLock { $0.members[name]?.orders = [] }
    }
}

extension EdgeDirectory.Member {
    fileprivate func faults(at now: ContinuousClock.Instant) -> [String] {
        var found: [String] = []
        if lag > .zero { found.append("lag \(lag)") }
        if let until = partitionedUntil, until > now {
            found.append("partition for \(until - now)")
        }
        return found
    }
}

extension EdgeDirectory.State {
    fileprivate mutating func take(_ record: EdgeRecord) {
        if members[record.name] != nil {
            members[record.name]?.record = record
        } else if members.count < EdgeDirectory.maximumEdges {
            members[record.name] = EdgeDirectory.Member(record: record)
        }
    }

    fileprivate mutating func note(
        _ report: AppliedReport,
        address: String,
        at instant: ContinuousClock.Instant,
        time: Double,
        isNew: Bool = true
    ) {
        guard var member = members[report.name] else { return }
        if let heard = member.heard, heard > instant { return }
        member.report = report
        member.report?.followers = []
        member.address = address
        member.lastContact = time
        member.heard = instant
        member.isNew = isNew
        members[report.name] = member
    }
}
