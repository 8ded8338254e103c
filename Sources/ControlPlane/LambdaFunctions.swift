import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Registry

/// Management of functions, versions and aliases.
extension LambdaService {
    /// The configuration as AWS shows it; the ARN echoes the form that was asked for.
    static func configuration(
        _ version: FunctionVersion,
        as arn: FunctionARN,
        number: String? = nil
    ) -> JSONValue {
        let isLatest = arn.qualifier == nil || arn.qualifier == "$LATEST"
        let digest = stride(from: 0, to: version.codeDigest.count, by: 2).compactMap { offset in
            UInt8(version.codeDigest.dropFirst(offset).prefix(2), radix: 16)
        }
        var members = JSONObject()
        members["FunctionName"] = .string(version.name)
        members["FunctionArn"] = .string(
            FunctionARN(name: version.name, qualifier: arn.qualifier).text
        )
        members["Version"] = .string(number ?? (isLatest ? "$LATEST" : String(version.version)))
        members["Runtime"] = .string(version.runtime)
        members["Handler"] = .string(version.handler)
        members["Role"] = .string(version.role ?? "")
        members["Description"] = .string(version.description)
        members["Timeout"] = .integer(version.timeout)
        members["MemorySize"] = .integer(version.memory)
        members["CodeSha256"] = .string(Base64.encode(digest))
        members["PackageType"] = "Zip"
        members["Architectures"] = ["x86_64"]
        members["State"] = "Active"
        members["LastUpdateStatus"] = "Successful"
        if !version.environment.isEmpty {
            var variables = JSONObject()
            for (name, value) in version.environment.sorted(by: { $0.key < $1.key }) {
                variables[name] = .string(value)
            }
            members["Environment"] = ["Variables": .object(variables)]
        }
        return .object(members)
    }

    func list(_ query: Query) async throws(APIError) -> Response {
        let functions = try await current().functions.values
        let all = query["FunctionVersion"] == "ALL"
        var entries: [JSONValue] = []
        for name in Set(functions.map(\.name)).sorted() {
            let versions = functions.filter { $0.name == name }.sorted { $0.version < $1.version }
            guard let latest = versions.last else { continue }
            let arn = FunctionARN(name: name, qualifier: all ? "$LATEST" : nil)
            entries.append(Self.configuration(latest, as: arn))
            if all { entries += versions.map(Self.numbered) }
        }
        return Self.json(200, ["Functions": .array(entries)])
    }

    func get(_ arn: FunctionARN) async throws(APIError) -> Response {
        let version = try await resolve(arn)
        return Self.json(200, ["Configuration": Self.configuration(version, as: arn)])
    }

    func versions(_ arn: FunctionARN) async throws(APIError) -> Response {
        let latest = try await resolve(FunctionARN(name: arn.name))
        let numbered = try await current().functions.values.filter { $0.name == arn.name }
            .sorted { $0.version < $1.version }.map(Self.numbered)
        let first = Self.configuration(
            latest,
            as: FunctionARN(name: arn.name, qualifier: "$LATEST")
        )
        return Self.json(200, ["Versions": .array([first] + numbered)])
    }

    private static func numbered(_ version: FunctionVersion) -> JSONValue {
        configuration(
            version,
            as: FunctionARN(name: version.name, qualifier: String(version.version))
        )
    }

    func create(_ input: JSONValue) async throws(APIError) -> Response {
        guard let name = input["FunctionName"]?.string, let runtime = input["Runtime"]?.string,
            let handler = input["Handler"]?.string, let role = input["Role"]?.string,
            (1...64).contains(name.utf8.count),
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) })
        else {
            throw APIError(
                400,
                "ValidationException",
                "FunctionName, Role, Runtime and Handler are required, and the name has 1 to 64 "
                    + "letters, digits, - or _"
            )
        }
        guard try await !current().functions.values.contains(where: { $0.name == name }) else {
            throw .conflict("Function already exist: \(name)")
        }
        let timeout = input["Timeout"]?.int ?? 3
        let memory = input["MemorySize"]?.int ?? 128
        guard (1...900).contains(timeout), (128...10_240).contains(memory) else {
            throw APIError(
                400,
                "ValidationException",
                "Timeout is 1 to 900 seconds and MemorySize is 128 to 10240 MB"
            )
        }
        var draft = FunctionVersion(
            name: name,
            version: 0,
            runtime: runtime,
            handler: handler,
            codeDigest: try await code(input["Code"] ?? .null),
            timeout: timeout,
            memory: memory
        )
        draft.role = role
        draft.description = input["Description"]?.string ?? ""
        for member in input["Environment"]?["Variables"]?.object?.members ?? [] {
            draft.environment[member.key] = member.value.string
        }
        let version = try await put(draft)
        let publishes = input["Publish"]?.bool == true
        let qualifier = publishes ? String(version.version) : nil
        return Self.json(
            201,
            Self.configuration(version, as: FunctionARN(name: name, qualifier: qualifier))
        )
    }

    func updateCode(_ arn: FunctionARN, _ input: JSONValue) async throws(APIError) -> Response {
        var draft = try await resolve(FunctionARN(name: arn.name))
        draft.codeDigest = try await code(input)
        var version = draft
        if input["DryRun"]?.bool != true { version = try await put(draft) }
        let qualifier = input["Publish"]?.bool == true ? String(version.version) : nil
        return Self.json(
            200,
            Self.configuration(version, as: FunctionARN(name: arn.name, qualifier: qualifier))
        )
    }

    /// Every change of code is a version at once, so publishing names the newest one.
    func publish(_ arn: FunctionARN, _ input: JSONValue) async throws(APIError) -> Response {
        let latest = try await resolve(FunctionARN(name: arn.name))
        if let given = input["CodeSha256"]?.string, !given.isEmpty,
            let actual = Self.configuration(latest, as: arn)["CodeSha256"]?.string, given != actual
        {
            throw .invalid(
                "CodeSHA256 (\(given)) is different from current CodeSHA256 in $LATEST "
                    + "(\(actual)). Please try again with the CodeSHA256 in $LATEST."
            )
        }
        return Self.json(201, Self.numbered(latest))
    }

    private func put(_ draft: FunctionVersion) async throws(APIError) -> FunctionVersion {
        var version = draft
        do { version.version = try await registry.version(for: draft) } catch {
            throw .service(error)
        }
        try await publish([.put(.function(version))])
        return version
    }

    private func code(_ input: JSONValue) async throws(APIError) -> String {
        guard let text = input["ZipFile"]?.string else {
            throw .invalid("Code from S3 or an image is not supported here; give ZipFile.")
        }
        guard let zip = Base64.decode(text.filter { !$0.isWhitespace }), !zip.isEmpty else {
            throw .invalid("Uploaded file must be a non-empty zip")
        }
        do {
            return try await registry.addBlob(zip)
        } catch let error as RegistryError where error.kind != .storage {
            throw .invalid(error.description)
        } catch { throw .service(error) }
    }

    func delete(_ arn: FunctionARN) async throws(APIError) -> Response {
        _ = try await resolve(FunctionARN(name: arn.name))
        let snapshot = try await current()
        guard arn.qualifier != "$LATEST" else {
            throw .invalid("$LATEST version cannot be deleted without deleting the function.")
        }
        let doomed = snapshot.functions.values.filter {
            $0.name == arn.name && (arn.qualifier == nil || arn.qualifier == String($0.version))
        }
        for version in doomed {
            let isReplicated = snapshot.distributions.values.contains { distribution in
                distribution.behaviors.contains { behavior in
                    behavior.functions.contains { $0.qualifiedName == version.qualifiedName }
                }
            }
            guard !isReplicated else {
                throw .invalid(
                    "Lambda was unable to delete \(version.arn) because it is a replicated "
                        + "function. Please see our documentation for Deleting Lambda@Edge "
                        + "Functions and Replicas."
                )
            }
        }
        let pointers = snapshot.aliases.values.filter { $0.function == arn.name }
        if arn.qualifier != nil,
            let pointer = pointers.first(where: { pointer in
                doomed.contains { $0.version == pointer.version }
            })
        {
            throw .conflict("The alias \(pointer.name) points to version \(pointer.version).")
        }
        var changes = doomed.map { Change.delete(Resource.function($0).key) }
        if arn.qualifier == nil {
            changes += pointers.map { Change.delete(Resource.alias($0).key) }
        }
        if !changes.isEmpty { try await publish(changes) }
        return Self.empty(204)
    }

    func aliases(_ arn: FunctionARN) async throws(APIError) -> Response {
        _ = try await resolve(FunctionARN(name: arn.name))
        let all = try await current().aliases.values.filter { $0.function == arn.name }
            .sorted { $0.name < $1.name }
        return Self.json(200, ["Aliases": .array(all.map(Self.shape))])
    }

    func alias(
        _ arn: FunctionARN,
        _ name: String,
        _ method: String,
        _ exchange: Exchange
    ) async throws(APIError) -> Response {
        let text = FunctionARN(name: arn.name, qualifier: name).text
        let known = try await current().aliases["\(arn.name):\(name)"]
        switch method {
        case "GET":
            guard let known else {
                throw APIError(404, "ResourceNotFoundException", "Cannot find alias arn: \(text)")
            }
            return Self.json(200, Self.shape(known))
        case "PUT":
            guard let known else {
                throw APIError(404, "ResourceNotFoundException", "Alias not found: \(text)")
            }
            return try await putAlias(arn, known, try await Self.document(exchange))
        case "DELETE":
            if let known { try await publish([.delete(Resource.alias(known).key)]) }
            return Self.empty(204)
        default: throw Self.unknown(exchange.request)
        }
    }

    func putAlias(
        _ arn: FunctionARN,
        _ known: FunctionAlias?,
        _ input: JSONValue
    ) async throws(APIError) -> Response {
        guard input["RoutingConfig"]?["AdditionalVersionWeights"]?.object?.isEmpty ?? true else {
            throw .invalid("Weighted aliases are not supported here.")
        }
        guard let name = known?.name ?? input["Name"]?.string, !name.isEmpty, Int(name) == nil,
            name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) })
        else {
            throw APIError(
                400,
                "ValidationException",
                "1 validation error detected: Value at 'name' failed to satisfy constraint: Member "
                    + "must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
            )
        }
        let number = input["FunctionVersion"]?.string ?? known.map { String($0.version) }
        guard let number else {
            throw APIError(400, "ValidationException", "FunctionVersion must not be null")
        }
        let version = try await resolve(FunctionARN(name: arn.name, qualifier: number))
        let alias = FunctionAlias(function: arn.name, name: name, version: version.version)
        if known == nil, try await current().aliases["\(arn.name):\(name)"] != nil {
            let text = FunctionARN(name: arn.name, qualifier: name).text
            throw .conflict("Alias already exists: \(text)")
        }
        if alias != known { try await publish([.put(.alias(alias))]) }
        return Self.json(known == nil ? 201 : 200, Self.shape(alias))
    }

    private static func shape(_ alias: FunctionAlias) -> JSONValue {
        [
            "AliasArn": .string(FunctionARN(name: alias.function, qualifier: alias.name).text),
            "Name": .string(alias.name), "FunctionVersion": .string(String(alias.version)),
            "Description": "",
        ]
    }
}
