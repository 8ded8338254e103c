import Foundation
import Model

extension ResourceMapper {
    func mapFunction(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("FunctionName")
        let runtime = fields.required("Runtime")
        let handler = fields.required("Handler")
        let isServerless = resource.type == "AWS::Serverless::Function"
        let code = isServerless ? serverlessCode(fields) : plainCode(fields)
        let timeout = fields.int("Timeout") ?? 3
        let memory = fields.int("MemorySize") ?? 128
        if !(1...900).contains(timeout) { fields.error("Timeout", "1 to 900 seconds are allowed") }
        if !(128...10_240).contains(memory) {
            fields.error("MemorySize", "128 to 10240 MB are allowed")
        }
        let environment = fields.fields("Environment")
        let variables = environment?.map("Variables") ?? [:]
        environment?.finish()
        let role = fields.string("Role")
        if role == nil, !isServerless { fields.error("Role", "Role is required") }
        let description = fields.string("Description") ?? ""
        let alias = isServerless ? fields.string("AutoPublishAlias") : nil
        let name = evaluator.functionName(resource)
        if isServerless { readEvents(resource, fields, alias) }
        if let alias {
            let version = evaluator.versions[resource.logicalID] ?? 1
            made.append(.alias(FunctionAlias(function: name, name: alias, version: version)))
        }
        fields.finish()
        guard let runtime, let handler, let code else { return }
        functions.append(
            FunctionSource(
                logicalID: resource.logicalID,
                name: name,
                runtime: runtime,
                handler: handler,
                codePath: code,
                timeout: timeout,
                memory: memory,
                environment: variables,
                role: role,
                description: description,
                publishes: alias != nil || hasVersion(resource),
                alias: alias,
                line: resource.line
            )
        )
    }

    private func hasVersion(_ function: ResourceEntry) -> Bool {
        evaluator.resources.values.contains {
            $0.type == "AWS::Lambda::Version"
                && evaluator.property("FunctionName", of: $0).flatMap(evaluator.function(for:))?
                    .logicalID == function.logicalID
        }
    }

    private func serverlessCode(_ fields: Fields) -> CodeLocation? {
        if let text = fields.string("InlineCode") { return .inline(text) }
        guard let path = fields.string("CodeUri") else {
            fields.error("CodeUri", "CodeUri or InlineCode is required")
            return nil
        }
        return location(path)
    }

    private func plainCode(_ fields: Fields) -> CodeLocation? {
        guard let value = fields.value("Code") else {
            fields.error("Code", "Code is required")
            return nil
        }
        // `aws cloudformation package` takes a path here and puts the archive in its place.
        if let path = value.text { return location(path) }
        let code = Fields(value, fields.path + ".Code", evaluator)
        if let text = code.string("ZipFile") {
            code.finish()
            return .inline(text)
        }
        code.error("S3Key", "code in a bucket cannot be read here; give a folder or ZipFile")
        return nil
    }

    private func location(_ path: String) -> CodeLocation {
        path.hasSuffix(".zip") ? .zip(absolute(path)) : .folder(absolute(path))
    }

    func mapVersion(_ resource: ResourceEntry) {
        let fields = fields(resource)
        if let name = fields.required("FunctionName"), evaluator.function(for: name) == nil {
            fields.error("FunctionName", "the template has no function \(name)")
        }
        _ = fields.string("Description")
        fields.finish()
    }

    func mapAlias(_ resource: ResourceEntry) {
        let fields = fields(resource)
        let function = fields.required("FunctionName")
        let version = fields.required("FunctionVersion")
        let name = fields.required("Name")
        _ = fields.string("Description")
        fields.finish()
        guard let function, let version, let name, let arn = FunctionARN(function) else { return }
        let owner = evaluator.function(for: function)
        let latest = owner.flatMap { evaluator.versions[$0.logicalID] } ?? 1
        guard let number = version == "$LATEST" ? latest : Int(version) else {
            return fields.error("FunctionVersion", "'\(version)' is no version")
        }
        made.append(.alias(FunctionAlias(function: arn.name, name: name, version: number)))
    }

    /// `name:version` or `name:alias` of an ARN or of an integration's URI.
    func functionKey(_ reference: String) -> String? {
        var text = reference
        if let start = reference.range(of: "/functions/")?.upperBound,
            let end = reference.range(of: "/invocations")?.lowerBound, start < end
        {
            text = String(reference[start..<end])
        }
        guard let arn = FunctionARN(text) else { return nil }
        if let qualifier = arn.qualifier, qualifier != "$LATEST" {
            return "\(arn.name):\(qualifier)"
        }
        return arn.name
    }

    private func readEvents(_ resource: ResourceEntry, _ fields: Fields, _ alias: String?) {
        for entry in fields.value("Events")?.entries ?? [] {
            let path = "\(fields.path).Events.\(entry.key)"
            let event = Fields(entry.value, path, evaluator)
            guard event.required("Type") == "HttpApi" else {
                event.error("Type", "only events of the type HttpApi are supported")
                continue
            }
            let properties = event.fields("Properties")
            event.finish()
            let api = properties?.string("ApiId") ?? evaluator.ids.api(Implicit.api)
            let method = (properties?.string("Method") ?? "ANY").uppercased()
            let route = properties?.string("Path")
            let isAny = method == "X-AMAZON-APIGATEWAY-ANY-METHOD"
            let format = properties?.string("PayloadFormatVersion") ?? "2.0"
            let timeout = properties?.int("TimeoutInMillis") ?? 30_000
            properties?.finish()
            let name = evaluator.functionName(resource)
            let key = route.map { "\(isAny ? "ANY" : method) \($0)" } ?? "$default"
            permitAPI(
                api,
                route: key,
                function: name,
                qualifier: alias,
                statementID: "\(resource.logicalID)\(entry.key)Permission"
            )
            routes[api, default: []].append(
                GatewayRoute(
                    key: key,
                    integration: .function(
                        alias.map { "\(name):\($0)" } ?? name,
                        payloadFormat: format,
                        timeoutMilliseconds: timeout
                    )
                )
            )
        }
    }
}
