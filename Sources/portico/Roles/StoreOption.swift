import Registry

/// What `--store` means.
enum StoreOption {
    /// Opens the store of a URL; without one the embedded store of the state folder.
    static func open(_ url: String?, state: String) throws -> any RegistryStore {
        guard let url else { return try SQLiteStore(directory: state + "/registry") }
        throw CommandFailure("'\(url)' is no store: leave --store out for the embedded one")
    }
}
