/// What a server or the way to it answered instead of a result.
struct PostgreSQLError: Error, CustomStringConvertible {
    /// The five characters of PostgreSQL's documentation, appendix "PostgreSQL Error Codes"; nil when the
    /// trouble was on the way.
    var sqlState: String?
    var description: String

    /// Whether another attempt, on a new connection, may succeed.
    var allowsRetry: Bool {
        guard let sqlState else { return true }
        switch sqlState {
        // Deadlock and serialization failures; a server that stops, starts, crashes or has no room;
        // a lock or an answer that took too long; a server that became read-only in a failover.
        case "40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25P03", "53300", "55P03",
            "25006":
            return true
        default: return sqlState.hasPrefix("08")
        }
    }

    /// As the registry's callers know errors.
    var registryError: RegistryError {
        let code = sqlState.map { " (SQLSTATE \($0))" } ?? ""
        let isAway = allowsRetry || sqlState == "57014"
        return RegistryError(
            isAway ? .unreachable : .storage,
            "the store's server: \(description)\(code)"
        )
    }
}
