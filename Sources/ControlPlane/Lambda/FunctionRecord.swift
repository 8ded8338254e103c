import Crypto
import JSON
import Model

/// What the Lambda API knows of one function: its configurations as the API shows them, and what belongs
/// to its qualifiers.
///
/// A function that a template brought in has no document; its configurations are then made from what the
/// edges run.
struct FunctionRecord: Sendable {
    let name: String
    /// The configuration of `$LATEST`.
    var latest: JSONObject
    /// The configurations of the published versions.
    var versions: [Int: JSONObject]
    /// Tags, aliases, policies' revisions, runtime settings.
    private var sections: JSONObject

    static func id(_ name: String) -> String { "lambda/function/" + name }

    /// Makes the record of a new function.
    init(name: String, latest: JSONObject) {
        self.name = name
        self.latest = latest
        versions = [:]
        sections = JSONObject()
    }

    /// Reads what is known; nil when there is no such function.
    init?(_ name: String, in snapshot: Snapshot, created: Double) {
        let present = snapshot.functions.values.filter { $0.name == name }
        guard !present.isEmpty else { return nil }
        self.name = name
        let document = snapshot.record(Self.id(name))
        let kept = document?["versions"]?.object
        var numbered: [Int: JSONObject] = [:]
        for version in present where version.version != FunctionVersion.latest {
            numbered[version.version] =
                kept?[String(version.version)]?.object
                ?? Self.configuration(of: version, created: created)
        }
        let hasDraft = present.contains { $0.version == FunctionVersion.latest }
        let newest = numbered.keys.max().flatMap { numbered[$0] }
        let draft = hasDraft ? document?["latest"]?.object : nil
        guard let latest = draft ?? newest else { return nil }
        self.latest = latest
        versions = numbered
        sections = document?["sections"]?.object ?? JSONObject()
    }

    /// An entry of a section, such as the description of an alias.
    subscript(section: String, key: String) -> JSONValue? {
        get { sections[section]?[key] }
        set {
            var entries = sections[section]?.object ?? JSONObject()
            entries[key] = newValue
            sections[section] = entries.isEmpty ? nil : .object(entries)
        }
    }

    /// A whole section.
    subscript(section: String) -> JSONObject {
        get { sections[section]?.object ?? JSONObject() }
        set { sections[section] = newValue.isEmpty ? nil : .object(newValue) }
    }

    /// The configuration of a version; nil when there is none of this number.
    func configuration(_ version: Int) -> JSONObject? {
        version == FunctionVersion.latest ? latest : versions[version]
    }

    func save(to draft: inout Draft) {
        var document = JSONObject()
        document["latest"] = .object(latest)
        var numbered = JSONObject()
        for (number, configuration) in versions.sorted(by: { $0.key < $1.key }) {
            numbered[String(number)] = .object(configuration)
        }
        document["versions"] = .object(numbered)
        if !sections.isEmpty { document["sections"] = .object(sections) }
        draft.setRecord(Self.id(name), document)
    }

    /// The configuration of a version that a template published.
    private static func configuration(of version: FunctionVersion, created: Double) -> JSONObject {
        var members = JSONObject()
        members["Runtime"] = .string(version.runtime)
        members["Role"] = .string(
            version.role ?? "arn:aws:iam::\(FunctionARN.account):role/\(version.name)"
        )
        members["Handler"] = .string(version.handler)
        members["Description"] = .string(version.description)
        members["Timeout"] = .integer(version.timeout)
        members["MemorySize"] = .integer(version.memory)
        members["CodeDigest"] = .string(version.codeDigest)
        members["LastModified"] = .string(Timestamp.lambda(created))
        let revision = Ledger.uuid(of: "\(version.qualifiedName)/\(version.codeDigest)")
        members["RevisionId"] = .string(revision)
        members["PackageType"] = "Zip"
        members["Architectures"] = ["x86_64"]
        members["EphemeralStorage"] = ["Size": .integer(version.ephemeralStorage ?? 512)]
        if let target = version.deadLetterTarget {
            members["DeadLetterConfig"] = ["TargetArn": .string(target)]
        }
        members["TracingConfig"] = ["Mode": version.tracing == true ? "Active" : "PassThrough"]
        members["LoggingConfig"] = FunctionConfiguration.logging(nil, of: version.name)
        members["SnapStart"] = SnapStartSetting.stored(
            .string(version.snapStart?.rawValue ?? "None")
        )
        if !version.environment.isEmpty {
            var variables = JSONObject()
            for (name, value) in version.environment.sorted(by: { $0.key < $1.key }) {
                variables[name] = .string(value)
            }
            members["Environment"] = ["Variables": .object(variables)]
        }
        return members
    }
}
