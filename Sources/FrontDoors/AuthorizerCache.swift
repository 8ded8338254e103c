import JSON
import Synchronization

/// The answers of authorizing functions, kept as long as their authorizers say.
final class AuthorizerCache: Sendable {
    /// How many answers are kept.
    static let countLimit = 10_000

    private struct Entry {
        var answer: JSONValue
        var until: ContinuousClock.Instant
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// A kept answer that still holds.
    func answer(_ key: String, at now: ContinuousClock.Instant = .now) -> JSONValue? {
        entries.withLock { $0[key].flatMap { $0.until > now ? $0.answer : nil } }
    }

    /// Keeps an answer for so many seconds.
    func keep(
        _ answer: JSONValue,
        for key: String,
        seconds: Int,
        at now: ContinuousClock.Instant = .now
    ) {
        guard seconds > 0 else { return }
        entries.withLock { entries in
            if entries.count >= Self.countLimit {
                entries = entries.filter { $0.value.until > now }
            }
            if entries.count >= Self.countLimit { entries = [:] }
            entries[key] = Entry(answer: answer, until: now + .seconds(seconds))
        }
    }
}
