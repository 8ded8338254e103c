import Foundation
import Model

extension ResourceMapper {
    func mapVersion(_ resource: ResourceEntry) {
        let fields = fields(resource)
        if let name = fields.required("FunctionName"), evaluator.function(for: name) == nil {
            fields.error("FunctionName", "the template has no function \(name)")
        }
        if let owner = fields.node["FunctionName"]?.text.flatMap(evaluator.function(for:)) {
            let number = evaluator.versions[owner.logicalID] ?? 1
            readProvisioned(fields, of: evaluator.functionName(owner), qualifier: String(number))
        }
        fields.finish()
    }

    func mapAlias(_ resource: ResourceEntry) {
        let fields = fields(resource)
        let function = fields.required("FunctionName")
        let version = fields.required("FunctionVersion")
        let name = fields.required("Name")
        let weights = fields.fields("RoutingConfig")
        let shares = weights?.each("AdditionalVersionWeights") ?? []
        weights?.finish()
        if let owner = function.flatMap(evaluator.function(for:)) {
            readProvisioned(fields, of: evaluator.functionName(owner), qualifier: name)
        }
        fields.finish()
        guard let function, let version, let name else { return }
        guard let owner = evaluator.function(for: function) else {
            return fields.error("FunctionName", "the template has no function \(function)")
        }
        guard let number = versionNumber(version, of: owner) else {
            return fields.error("FunctionVersion", "'\(version)' is no version")
        }
        var alias = FunctionAlias(
            function: evaluator.functionName(owner),
            name: name,
            version: number
        )
        if shares.count > 1 {
            fields.error("RoutingConfig", "one additional version is the most")
        }
        if let share = shares.first {
            let text = share.required("FunctionWeight")
            let weight = text.flatMap { Double($0) }
            let other = share.required("FunctionVersion").flatMap { versionNumber($0, of: owner) }
            share.finish()
            guard let weight, (0...1).contains(weight), let other else {
                return share.error("FunctionWeight", "a version and a weight of 0 to 1 are wanted")
            }
            alias.additional = .init(version: other, weight: weight)
        }
        made.append(.alias(alias))
    }

    /// The number that a version's text means: a number, or `$LATEST` for the newest one here.
    private func versionNumber(_ text: String, of function: ResourceEntry) -> Int? {
        if text == "$LATEST" { return evaluator.versions[function.logicalID] ?? 1 }
        return Int(text)
    }

    /// A reference as it stands: `name`, `name:version` or `name:alias`, of an ARN or an integration's URI.
    func functionKey(_ reference: String) -> String? {
        var text = reference
        if let start = reference.range(of: "/functions/")?.upperBound,
            let end = reference.range(of: "/invocations")?.lowerBound, start < end
        {
            text = String(reference[start..<end])
        }
        guard let arn = FunctionARN(text) else { return nil }
        guard let qualifier = arn.qualifier, qualifier != "$LATEST" else { return arn.name }
        return "\(arn.name):\(qualifier)"
    }
}
