import JSON
import Model

/// The SnapStart setting in configurations, and what AWS refuses beside it.
///
/// Source: "Improving startup performance with Lambda SnapStart".
enum SnapStartSetting {
    /// What a configuration stores; whether it is in effect is a matter of the version that is shown.
    static func stored(_ applyOn: JSONValue) -> JSONValue {
        ["ApplyOn": applyOn, "OptimizationStatus": "Off"]
    }

    /// The setting of a stored configuration; nil for none.
    static func of(_ members: JSONObject) -> FunctionVersion.SnapStart? {
        members["SnapStart"]?["ApplyOn"]?.string.flatMap(FunctionVersion.SnapStart.init)
    }

    /// Whether a version of this configuration starts from a snapshot; the draft never does.
    static func isOn(_ members: JSONObject, _ version: Int) -> Bool {
        version != FunctionVersion.latest && of(members) != nil
    }

    /// Says of a version that is shown whether the setting is in effect.
    static func show(in members: inout JSONObject, _ version: Int) {
        guard isOn(members, version), let applyOn = members["SnapStart"]?["ApplyOn"] else { return }
        members["SnapStart"] = ["ApplyOn": applyOn, "OptimizationStatus": "On"]
    }

    /// The most that `/tmp` of such a function holds.
    ///
    /// Unit: MB. Source: "Improving startup performance with Lambda SnapStart".
    static let maximumStorage = 512

    /// Refuses what such a function cannot have.
    static func check(_ members: JSONObject) throws(APIError) {
        guard of(members) != nil else { return }
        let runtime = members["Runtime"]?.string ?? ""
        guard isSupported(runtime) else { throw refusal(runtime) }
        if let size = members["EphemeralStorage"]?["Size"]?.int, size > maximumStorage {
            throw refusal("EphemeralStorage greater than \(maximumStorage) MB")
        }
    }

    private static func refusal(_ what: String) -> APIError {
        .invalid("\(what) is not supported for SnapStart enabled functions.")
    }

    /// The refusal of provisioned concurrency for a version that starts from a snapshot.
    static let noProvisioning = refusal("Provisioned Concurrency")

    /// Whether AWS makes snapshots of functions of a runtime: Java 11, Python 3.12, .NET 8 and later ones.
    static func isSupported(_ runtime: String) -> Bool {
        FunctionVersion.SnapStart.supports(runtime)
    }
}
