/// Which of the primaries of one store does what two must not do at a time.
///
/// A value of the store names the leader, and its version counts every renewal. Nobody compares clocks: who
/// has seen the same version for a whole term takes the lead, and a leader that could not renew for two thirds
/// of a term stops by itself. What a leader leaves to the next one stands in the same value, so that one that
/// has lost the lead without noticing cannot overwrite it.
package actor Leadership {
    /// How long a leader may be silent before another takes its place.
    package static let term = Duration.seconds(10)
    /// Under which key the store keeps the leader.
    private static let key = "leadership"

    /// What a leader does.
    package struct Duties: Sendable {
        /// The lead was gained; gets what the leader before left.
        let begin: @Sendable ([UInt8]) async -> Void
        /// What the next leader should know; asked with every renewal.
        let state: @Sendable () async -> [UInt8]
        /// The lead was lost or is given up; returns soon.
        let end: @Sendable () async -> Void

        /// Makes duties; what `state` gives has at most `StoreLimits.privateValueLimit` bytes, less a hundred.
        package init(
            begin: @escaping @Sendable ([UInt8]) async -> Void,
            state: @escaping @Sendable () async -> [UInt8],
            end: @escaping @Sendable () async -> Void
        ) {
            self.begin = begin
            self.state = state
            self.end = end
        }
    }

    /// The value in the store: `name`, a line feed, and what a leader left.
    private struct Seat {
        /// Empty when nobody leads.
        var name: String
        var state: [UInt8]

        init(name: String, state: [UInt8]) {
            self.name = name
            self.state = state
        }

        init(_ bytes: [UInt8]) {
            let end = bytes.firstIndex(of: 0x0A) ?? bytes.endIndex
            name = String(decoding: bytes[..<end], as: UTF8.self)
            state = Array(bytes[end...].dropFirst())
        }

        var bytes: [UInt8] { Array(name.utf8) + [0x0A] + state }
    }

    private let registry: PrimaryRegistry
    private let name: String
    private let term: Duration
    private let duties: Duties
    /// The version that this leader wrote last, and up to when it leads by it.
    private var lead: (version: Int, until: ContinuousClock.Instant)?
    /// Another leader's version, and since when it is the same.
    private var seen: (version: Int, since: ContinuousClock.Instant)?
    private var watch: Task<Void, Never>?

    /// Makes a candidate; `name` tells it from the others and has no line feed.
    package init(
        of registry: PrimaryRegistry,
        name: String,
        term: Duration = Leadership.term,
        duties: Duties
    ) {
        self.registry = registry
        self.name = name
        self.term = term
        self.duties = duties
    }

    /// Whether this primary leads now.
    package var isLeading: Bool { lead != nil }

    /// Takes part until the task is cancelled, then gives up the lead if it has it.
    package func run() async {
        while !Task.isCancelled {
            do {
                try await takeTurn()
            } catch {
                // The store is away: a lead that cannot be renewed ends by itself.
            }
            try? await Task.sleep(for: term / 5)
        }
        await resign()
    }

    private func takeTurn() async throws {
        let asked = ContinuousClock.now
        let kept = try await registry.privateValue(Self.key)
        if let lead {
            guard kept?.version == lead.version else { return await lose() }
            try await renew(lead.version, asked)
        } else {
            try await apply(for: kept, asked)
        }
    }

    private func renew(_ version: Int, _ asked: ContinuousClock.Instant) async throws {
        let seat = Seat(name: name, state: await duties.state())
        guard try await write(seat, expecting: version) else { return await lose() }
        // Meanwhile it may have run out; then it has been lost.
        if lead?.version == version { lead = (version + 1, asked + term * 2 / 3) }
    }

    private func apply(for kept: PrivateValue?, _ asked: ContinuousClock.Instant) async throws {
        let version = kept?.version ?? 0
        let seat = kept.map { Seat($0.bytes) } ?? Seat(name: "", state: [])
        if !seat.name.isEmpty {
            guard let seen, seen.version == version else {
                seen = (version, asked)
                return
            }
            guard asked - seen.since >= term else { return }
        }
        guard try await write(Seat(name: name, state: seat.state), expecting: version) else {
            return
        }
        seen = nil
        lead = (version + 1, asked + term * 2 / 3)
        watch = Task { [weak self] in
            while let until = await self?.lead?.until, !Task.isCancelled {
                try? await Task.sleep(until: until, clock: .continuous)
                await self?.expire()
            }
        }
        await duties.begin(seat.state)
    }

    private func write(_ seat: Seat, expecting version: Int) async throws -> Bool {
        try await registry.setPrivateValue(Self.key, seat.bytes, expecting: version)
    }

    private func expire() async {
        if let lead, lead.until <= .now { await lose() }
    }

    private func lose() async {
        guard lead != nil else { return }
        lead = nil
        watch?.cancel()
        await duties.end()
    }

    private func resign() async {
        guard let version = lead?.version else { return }
        // Asked before the end, at which a leader may forget.
        let seat = Seat(name: "", state: await duties.state())
        await lose()
        _ = try? await write(seat, expecting: version)
    }
}
