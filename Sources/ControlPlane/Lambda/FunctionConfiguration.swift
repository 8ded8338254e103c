import Crypto
import Executor
import JSON
import Model

/// Configurations of functions between the API, its records and what edges run.
enum FunctionConfiguration {
    /// How a configuration is shown.
    enum View {
        /// The answer of the call that made it, before any edge has it.
        case created
        /// The answer of the call that changed it.
        case updated
        /// Read later, where every edge has it or not.
        case read(isEverywhere: Bool)
        /// Read later, of a version that starts from a snapshot.
        case snapshot(SnapshotStatus)
        /// In a list, without states.
        case listed
    }

    /// The configuration as AWS shows it; its ARN echoes the qualifier that was asked for.
    static func shown(
        _ stored: JSONObject,
        of name: String,
        qualifier: String?,
        version: Int,
        as view: View
    ) -> JSONValue {
        var members = stored
        members["FunctionName"] = .string(name)
        members["FunctionArn"] = .string(FunctionARN(name: name, qualifier: qualifier).text)
        members["Version"] = .string(FunctionVersion.text(of: version))
        members["CodeSha256"] = .string(base64(ofHex: stored["CodeDigest"]?.string ?? ""))
        SnapStartSetting.show(in: &members, version)
        if isSealed(stored) {
            let error: JSONValue = [
                "ErrorCode": .string(APIError.sealedVariables.code),
                "Message": .string(APIError.sealedVariables.message),
            ]
            members["Environment"] = ["Error": error]
        }
        let isUpdate = stored["IsUpdate"]?.bool ?? false
        switch view {
        case .listed: return .object(members)
        case .created: setState("Pending", &members)
        case .updated: setUpdate("InProgress", &members)
        case .snapshot(.preparing): setState("Pending", &members)
        case .snapshot(.failed(let type, let message)):
            members["State"] = "Failed"
            members["StateReason"] = .string("\(type): \(message)")
            members["StateReasonCode"] = "FunctionError"
        case .snapshot(.ready):
            members["State"] = "Active"
            if let revision = stored["SettledRevisionId"] { members["RevisionId"] = revision }
        case .read(false) where !isUpdate: setState("Pending", &members)
        case .read(let isEverywhere):
            setUpdate(isEverywhere ? "Successful" : "InProgress", &members)
            if isEverywhere, let revision = stored["SettledRevisionId"] {
                members["RevisionId"] = revision
            }
        }
        if let runtime = stored["Runtime"]?.string, stored["PackageType"]?.string != "Image" {
            let digest = Digest.hex(Digest.sha256("runtime/" + runtime))
            members["RuntimeVersionConfig"] = [
                "RuntimeVersionArn": .string("arn:aws:lambda:us-east-1::runtime:\(digest)")
            ]
        }
        return .object(members)
    }

    /// Whether no key was there to open its variables.
    static func isSealed(_ stored: JSONObject) -> Bool {
        stored["Environment"]?["Variables"]?[FunctionVersion.sealedName] != nil
    }

    private static func setState(_ state: String, _ members: inout JSONObject) {
        members["State"] = .string(state)
        members["StateReason"] = "The function is being created."
        members["StateReasonCode"] = "Creating"
    }

    private static func setUpdate(_ status: String, _ members: inout JSONObject) {
        members["State"] = "Active"
        members["LastUpdateStatus"] = .string(status)
        guard status == "InProgress" else { return }
        members["LastUpdateStatusReason"] = "The function is being created."
        members["LastUpdateStatusReasonCode"] = "Creating"
    }

    /// Notes a change: new revision ids, the time, and the registry's revision that carries it.
    static func touch(_ members: inout JSONObject, revision: Int, isUpdate: Bool) {
        members["RevisionId"] = .string(Ledger.uuid())
        members["SettledRevisionId"] = .string(Ledger.uuid())
        members["LastModified"] = .string(Timestamp.lambda(Timestamp.now()))
        members["Revision"] = .integer(revision)
        members["IsUpdate"] = .bool(isUpdate)
    }

    /// The revision id that a reader sees.
    static func revisionID(_ stored: JSONObject, isEverywhere: Bool) -> String? {
        let settled = isEverywhere ? stored["SettledRevisionId"]?.string : nil
        return settled ?? stored["RevisionId"]?.string
    }

    /// The logging settings with their defaults.
    static func logging(_ given: JSONValue?, of name: String) -> JSONValue {
        var members = JSONObject()
        let format = given?["LogFormat"]?.string ?? "Text"
        members["LogFormat"] = .string(format)
        if format == "JSON" {
            members["ApplicationLogLevel"] = given?["ApplicationLogLevel"] ?? "INFO"
            members["SystemLogLevel"] = given?["SystemLogLevel"] ?? "INFO"
        }
        members["LogGroup"] = given?["LogGroup"] ?? .string("/aws/lambda/\(name)")
        return .object(members)
    }

    /// What edges run of a configuration.
    static func version(
        _ number: Int,
        of name: String,
        _ members: JSONObject
    ) -> FunctionVersion {
        var version = FunctionVersion(
            name: name,
            version: number,
            runtime: members["Runtime"]?.string ?? "",
            handler: members["Handler"]?.string ?? "",
            codeDigest: members["CodeDigest"]?.string ?? "",
            timeout: members["Timeout"]?.int ?? 3,
            memory: members["MemorySize"]?.int ?? 128
        )
        version.role = members["Role"]?.string
        version.description = members["Description"]?.string ?? ""
        for member in members["Environment"]?["Variables"]?.object?.members ?? [] {
            version.environment[member.key] = member.value.string
        }
        version.logging = runtimeLogging(members["LoggingConfig"], of: name)
        let layers = (members["Layers"]?.array ?? []).compactMap { $0["Digest"]?.string }
        version.layers = layers.isEmpty ? nil : layers
        version.deadLetterTarget = members["DeadLetterConfig"]?["TargetArn"]?.string
        let storage = members["EphemeralStorage"]?["Size"]?.int
        version.ephemeralStorage = storage == 512 ? nil : storage
        version.snapStart = SnapStartSetting.of(members)
        version.tracing = members["TracingConfig"]?["Mode"]?.string == "Active" ? true : nil
        return version
    }

    /// The logging settings that edges need; nil for text in the function's own group.
    private static func runtimeLogging(_ config: JSONValue?, of name: String) -> FunctionLogging? {
        let format = config?["LogFormat"]?.string.flatMap(FunctionLogging.Format.init) ?? .text
        let group = config?["LogGroup"]?.string
        let isOwn = group == nil || group == "/aws/lambda/\(name)"
        guard format != .text || !isOwn else { return nil }
        return FunctionLogging(
            format: format,
            applicationLevel: config?["ApplicationLogLevel"]?.string.flatMap(
                FunctionLogging.Level.init
            ),
            systemLevel: config?["SystemLogLevel"]?.string.flatMap(FunctionLogging.Level.init),
            group: isOwn ? nil : group
        )
    }

    /// Whether two configurations run the same: all members but those that name or date them.
    static func isSame(_ left: JSONObject, _ right: JSONObject) -> Bool {
        reduced(left) == reduced(right)
    }

    private static func reduced(_ members: JSONObject) -> [String: String] {
        var result: [String: String] = [:]
        let passing: Set = [
            "RevisionId", "SettledRevisionId", "LastModified", "Revision", "IsUpdate",
            "Description",
        ]
        for member in members where !passing.contains(member.key) {
            result[member.key] = member.value.text
        }
        return result
    }

    /// A hexadecimal digest as the API shows it.
    static func base64(ofHex text: String) -> String {
        let digits = Array(text.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
        }
        return Base64.encode(bytes)
    }
}
