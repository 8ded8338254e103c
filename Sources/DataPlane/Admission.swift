import HTTP
import Synchronization
package import Telemetry

/// How many connections are let in, and when requests are turned away.
package struct AdmissionLimits: Sendable {
    /// How many connections of viewers are open at once; further ones are closed as they come.
    package var maximumConnections = 65_536
    /// How many of them come from one source: an IPv4 address, or 64 bits of an IPv6 address.
    package var maximumPerSource = 16_384
    /// How many descriptors are kept for origins, functions and files, at most a quarter of all: with fewer
    /// left, no connection is accepted until some are free again.
    package var descriptorReserve = 128
    /// How long accepting pauses when descriptors have run out.
    package var exhaustionPause: Duration = .milliseconds(100)
    /// What `Retry-After` says while memory is short.
    ///
    /// Unit: seconds.
    package var retryAfter = 1

    /// Makes the usual limits.
    package init() {}

    /// The limits of what is not for viewers: functions, pages of the node, other nodes.
    static let withoutReserve: AdmissionLimits = {
        var limits = AdmissionLimits()
        limits.descriptorReserve = 0
        return limits
    }()
}

/// Who may come in: counts the connections of all listeners that share it, in total and by source, and turns
/// requests away while memory is short.
package final class Admission: Sendable {
    package let limits: AdmissionLimits
    /// Connections that are open now.
    package let connections = Counter()
    /// Connections accepted since the start.
    package let accepted = Counter()
    /// Connections closed at once because there were too many in total.
    package let refusedInTotal = Counter()
    /// Connections closed at once because there were too many of their source.
    package let refusedOfSource = Counter()
    /// Connections of trusted proxies that were closed because they did not begin with a valid header.
    package let refusedProxyHeaders = Counter()
    /// How often accepting paused because descriptors had run out.
    package let exhaustions = Counter()
    /// Requests answered with 503 because memory was short.
    package let shedRequests = Counter()

    /// Counts by source, spread so that reactors rarely meet.
    private final class Shard: Sendable {
        let counts = Mutex<[UInt64: Int]>([:])
    }
    private let shards = (0..<16).map { _ in Shard() }
    private let sheds = Atomic<Bool>(false)

    /// Makes the admission of listeners that share these limits.
    package init(limits: AdmissionLimits = AdmissionLimits()) { self.limits = limits }

    // MARK: Connections

    /// Takes a place for one more connection; false when there is none, and then nothing is to be given back.
    func enter() -> Bool {
        guard connections.add() <= limits.maximumConnections else {
            connections.subtract()
            refusedInTotal.add()
            return false
        }
        accepted.add()
        return true
    }

    /// Gives the place of a connection back.
    func leave() { connections.subtract() }

    /// Takes a place among those of a source.
    func enter(source: UInt64) -> Bool {
        let isFree = shard(source).counts.withLock { counts in
            let count = counts[source, default: 0]
            guard count < limits.maximumPerSource else { return false }
            counts[source] = count + 1
            return true
        }
        if !isFree { refusedOfSource.add() }
        return isFree
    }

    /// Gives a place among those of a source back.
    func leave(source: UInt64) {
        shard(source).counts.withLock { counts in
            guard let count = counts[source] else { return }
            counts[source] = count > 1 ? count - 1 : nil
        }
    }

    private func shard(_ source: UInt64) -> Shard {
        // Neighbours differ in their last bits, customers with IPv6 in the middle ones.
        shards[Int((source ^ source >> 16 ^ source >> 32) % UInt64(shards.count))]
    }

    // MARK: Requests

    /// Whether new requests are turned away.
    package var isShedding: Bool { sheds.load(ordering: .relaxed) }

    /// Turns new requests away from now on, or no longer.
    package func shed(_ isShort: Bool) { sheds.store(isShort, ordering: .relaxed) }

    /// The answer to a request that is turned away.
    func refusal() -> Response {
        shedRequests.add()
        var response = Response(status: 503, text: "memory is short here; try again soon\n")
        response.head.headers.append("Retry-After", String(limits.retryAfter))
        return response
    }
}

/// How a process stands with its viewers, for the pages of the node.
package struct LoadReport: Sendable, Encodable {
    /// One for each cache of an edge.
    package var caches: [CacheLoad] = []
    package var connections: Int
    package var accepted: Int
    package var refusedInTotal: Int
    package var refusedOfSource: Int
    package var refusedProxyHeaders: Int
    package var exhaustions: Int
    package var shedRequests: Int
    package var isShedding: Bool
    /// Unit: bytes in memory.
    package var residentBytes: Int
    /// Unit: bytes; 0 for no budget.
    package var memoryBudget: Int

    /// Reads the counts of an admission.
    package init(_ admission: Admission, memory: MemoryGuard?) {
        connections = admission.connections.value
        accepted = admission.accepted.value
        refusedInTotal = admission.refusedInTotal.value
        refusedOfSource = admission.refusedOfSource.value
        refusedProxyHeaders = admission.refusedProxyHeaders.value
        exhaustions = admission.exhaustions.value
        shedRequests = admission.shedRequests.value
        isShedding = admission.isShedding
        residentBytes = memory?.lastMeasured ?? 0
        memoryBudget = memory?.budget ?? 0
    }
}

/// How full a cache is.
package struct CacheLoad: Sendable, Encodable {
    /// What is on a disk.
    package struct Disk: Sendable, Encodable {
        package var objects: Int
        /// Unit: bytes.
        package var bytes: Int
        /// Unit: bytes.
        package var limit: Int
        package var written: Int
        package var evicted: Int
        /// What was not as it had been written, and is gone.
        package var corrupted: Int
        /// What could not be written.
        package var failed: Int

        /// Makes counts.
        package init(
            objects: Int,
            bytes: Int,
            limit: Int,
            written: Int,
            evicted: Int,
            corrupted: Int,
            failed: Int
        ) {
            self.objects = objects
            self.bytes = bytes
            self.limit = limit
            self.written = written
            self.evicted = evicted
            self.corrupted = corrupted
            self.failed = failed
        }
    }

    /// The edge, or which cache between edges and origins it is.
    package var name: String
    package var objects: Int
    /// Unit: bytes, of the bound that it counts against.
    package var bytes: Int
    /// Left out where all stays in memory.
    package var disk: Disk?

    /// Makes a report.
    package init(name: String, objects: Int, bytes: Int, disk: Disk? = nil) {
        self.name = name
        self.objects = objects
        self.bytes = bytes
        self.disk = disk
    }
}
