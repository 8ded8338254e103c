import JSON
import Model
import Registry

/// How much code an account keeps.
///
/// Source: Lambda quotas, "Storage for uploaded functions (.zip file archives) and layers": each version of a
/// function or layer counts.
extension LambdaService {
    /// How much an account may keep unless told otherwise.
    ///
    /// Unit: bytes. Source: Lambda quotas: 75 GB.
    package static let defaultCodeStorage = 80_530_636_800

    /// The bytes of all versions of functions and layers.
    func codeInUse(_ snapshot: Snapshot) -> Int {
        let functions = snapshot.functions.values.reduce(0) { $0 + code.size($1.codeDigest) }
        let layers = snapshot.records.keys.lazy.filter { $0.hasPrefix(Self.layerKind) }
            .compactMap { snapshot.record($0) }
            .filter { $0["Deleted"]?.bool != true }
        return layers.reduce(functions) { $0 + ($1["CodeSize"]?.int ?? 0) }
    }

    /// Throws when so many bytes more are more than the account may keep.
    func checkStorage(_ snapshot: Snapshot, adding bytes: Int) throws(APIError) {
        guard bytes > 0, codeInUse(snapshot) + bytes > codeStorage else { return }
        throw APIError(400, "CodeStorageExceededException", "Code storage limit exceeded.")
    }
}
