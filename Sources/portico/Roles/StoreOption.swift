import Crypto
import Registry
import Replication

/// What `--store` and `--variables-key` mean.
enum StoreOption {
    /// Opens the PostgreSQL of a URL; without one the embedded store of the state folder.
    static func open(
        _ url: String?,
        state: String,
        keys: VariableKeys
    ) throws -> any RegistryStore {
        guard let url else { return try SQLiteStore(directory: state + "/registry", keys: keys) }
        do { return try PostgreSQLStore(url: url, keys: keys) } catch let error as RegistryError {
            throw CommandFailure("--store: \(error.description)")
        }
    }

    /// The keys of a state folder, made at its first use.
    static func keys(state: String) throws -> VariableKeys {
        try reporting { try VariableKeys.open(file: state + "/" + VariableKeys.fileName) }
    }

    /// The keys of a primary: of its file if one is named, else of its state folder.
    ///
    /// The primaries of a shared store take theirs from the authority that they share, once it is open.
    static func keys(file: String?, store: String?, state: String) throws -> VariableKeys {
        if let file { return try reporting { try VariableKeys.read(file: file) } }
        return store == nil ? try keys(state: state) : VariableKeys()
    }

    /// Names the key that primaries of a shared store derive from their authority, unless a file is named.
    static func share(
        _ keys: VariableKeys,
        _ authority: LocalAuthority,
        file: String?,
        store: String?
    ) {
        if file == nil, store != nil { keys.use(authority.secret(for: "variables")) }
    }

    private static func reporting(_ body: () throws -> VariableKeys) throws -> VariableKeys {
        do { return try body() } catch let error as RegistryError {
            throw CommandFailure(error.description)
        }
    }
}
