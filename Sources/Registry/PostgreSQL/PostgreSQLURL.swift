import CPostgres

/// A store's address, checked before anything is connected.
struct PostgreSQLURL: Sendable {
    /// The parameters of the connection as libpq knows them, those of the URL before Portico's own.
    let parameters: [String: String]
    /// Hosts and database without the password: for messages.
    let description: String

    /// The parameters that are set when the URL leaves them open.
    static let defaults = [
        "application_name": "portico",
        // Seconds for each host, so that the next one gets its turn.
        "connect_timeout": "3",
        // Milliseconds after which a silent network counts as gone.
        "tcp_user_timeout": "10000",
        "keepalives_idle": "10", "keepalives_interval": "3", "keepalives_count": "3",
        "target_session_attrs": "read-write", "client_encoding": "UTF8",
    ]

    /// Reads a URL in libpq's form: `postgres://user@host1,host2:5433/database?sslmode=verify-full`.
    init(_ text: String) throws {
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else {
            throw RegistryError(
                .invalid,
                "a store is a folder or postgres://USER@HOST[,HOST...]/DATABASE"
            )
        }
        var parameters = try Self.parse(text)
        guard parameters["dbname"] != nil else {
            throw RegistryError(
                .invalid,
                "the store's URL names no database: postgres://USER@HOST[,HOST...]/DATABASE"
            )
        }
        for port in (parameters["port"] ?? "").split(separator: ",")
        where UInt16(port) == nil || port == "0" {
            throw RegistryError(.invalid, "the store's URL names the port \(port), which is none")
        }
        if let attributes = parameters["target_session_attrs"],
            !["read-write", "primary", "any"].contains(attributes)
        {
            throw RegistryError(
                .invalid,
                "target_session_attrs=\(attributes) would give a server that cannot be written"
            )
        }
        let hosts = parameters["host"] ?? parameters["hostaddr"] ?? "the local socket"
        let port = parameters["port"].map { ":" + $0 } ?? ""
        description = "\(hosts)\(port)/\(parameters["dbname"] ?? "")"
        parameters.merge(Self.defaults) { given, _ in given }
        self.parameters = parameters
    }

    private static func parse(_ text: String) throws -> [String: String] {
        // SAFETY: libpq returns an array that ends with a nil keyword, or nil with an allocated message;
        // both are copied before they are freed.
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            let reason = message.map { String(cString: $0) } ?? "out of memory"
            PQfreemem(message)
            throw RegistryError(
                .invalid,
                "the store's URL cannot be read: \(PostgreSQLConnection.oneLine(reason))"
            )
        }
        defer { PQconninfoFree(options) }
        var parameters: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                parameters[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
        return parameters
    }
}
