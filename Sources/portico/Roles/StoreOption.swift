import Registry

/// What `--store` means.
enum StoreOption {
    /// Opens the PostgreSQL of a URL; without one the embedded store of the state folder.
    static func open(_ url: String?, state: String) throws -> any RegistryStore {
        guard let url else { return try SQLiteStore(directory: state + "/registry") }
        do { return try PostgreSQLStore(url: url) } catch let error as RegistryError {
            throw CommandFailure("--store: \(error.description)")
        }
    }
}
