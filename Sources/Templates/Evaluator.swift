import Foundation
import Model

/// A resource as the template writes it.
struct ResourceEntry: Sendable {
    var logicalID: String
    var type: String
    var node: TemplateNode
    var line: Int
    var column: Int
    var properties: TemplateNode { node["Properties"] ?? node.with(.map([])) }
    var path: String { "Resources.\(logicalID)" }
}

/// Parameters, conditions and resources of one reading of a template, with what was found wrong.
final class Evaluator {
    /// The most resources of a template (CloudFormation: "Understand CloudFormation quotas").
    static let maximumResources = 500
    /// The most parameters, mappings or outputs of a template (same page).
    static let maximumSectionEntries = 200

    let template: Template
    let ids: StableIDs
    /// Logical id of a function to its version number.
    let versions: [String: Int]
    /// The macros that the template names.
    let transforms: Set<String>
    /// The sections after globals and loops were worked in.
    let root: TemplateNode
    private(set) var diagnostics: [Diagnostic] = []
    private var known: Set<Diagnostic> = []
    private var places: Set<String> = []
    private(set) var resources: [String: ResourceEntry] = [:]
    private(set) var order: [String] = []
    var parameters: [String: TemplateNode] = [:]
    var conditions: [String: Bool] = [:]
    var openConditions: [String] = []

    init(
        template: Template,
        stackName: String,
        parameters: [String: String],
        versions: [String: Int]
    ) {
        self.template = template
        self.versions = versions
        ids = StableIDs(stack: stackName)
        let transform = template.root["Transform"]
        transforms = Set((transform?.list ?? transform.map { [$0] } ?? []).compactMap(\.text))
        var expansion = LoopExpansion(template: template, given: parameters)
        let expanded = expansion.expand(template.root)
        let merge = GlobalsMerge(file: template.path)
        let merged = merge.apply(to: expanded)
        root = merged.root
        for found in expansion.diagnostics + merged.diagnostics { add(found) }
        checkSections()
        readParameters(parameters)
        readResources()
        for entry in root["Conditions"]?.entries ?? [] {
            _ = condition(named: entry.key, at: entry.value, "Conditions.\(entry.key)")
        }
    }

    func report(
        _ severity: Diagnostic.Severity,
        _ line: Int,
        _ column: Int,
        _ path: String,
        _ message: String
    ) {
        add(
            Diagnostic(
                severity: severity,
                file: template.path,
                line: line,
                column: column,
                path: path,
                message: message
            )
        )
    }

    private func add(_ found: Diagnostic) {
        guard known.insert(found).inserted else { return }
        places.insert("\(found.line) \(found.path)")
        diagnostics.append(found)
    }

    /// Whether something was said about exactly this place.
    func hasDiagnostic(at path: String, line: Int) -> Bool { places.contains("\(line) \(path)") }

    func error(_ node: TemplateNode, _ path: String, _ message: String) {
        report(.error, node.line, node.column, path, message)
    }

    func warning(_ node: TemplateNode, _ path: String, _ message: String) {
        report(.warning, node.line, node.column, path, message)
    }

    // MARK: Sections

    private func checkSections() {
        if let version = root["AWSTemplateFormatVersion"], version.text != "2010-09-09" {
            error(version, "AWSTemplateFormatVersion", "only 2010-09-09 is a template version")
        }
        for name in transforms.sorted()
        where name != Transforms.serverless && name != Transforms.languageExtensions {
            warning(
                template.root["Transform"] ?? root,
                "Transform",
                "the macro \(name) does not run here"
            )
        }
        let limits = [
            ("Resources", Self.maximumResources), ("Parameters", Self.maximumSectionEntries),
            ("Mappings", Self.maximumSectionEntries), ("Outputs", Self.maximumSectionEntries),
        ]
        for (name, limit) in limits {
            guard let section = root[name] else { continue }
            if !section.isMap { error(section, name, "a map is wanted here") }
            if section.entries.count > limit {
                error(section, name, "\(limit) entries are the most, not \(section.entries.count)")
            }
            for entry in section.entries where !Self.isLogicalID(entry.key) {
                let message = "'\(entry.key)' may hold only letters and digits"
                report(.error, entry.line, entry.column, "\(name).\(entry.key)", message)
            }
        }
        checkMappings()
    }

    private static func isLogicalID(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
            }
    }

    private func checkMappings() {
        for map in root["Mappings"]?.entries ?? [] {
            for top in map.value.entries {
                let path = "Mappings.\(map.key).\(top.key)"
                guard top.value.isMap else {
                    error(top.value, path, "a map of names and values is wanted here")
                    continue
                }
                for leaf in top.value.entries where leaf.value.text == nil && leaf.value.list == nil
                {
                    error(leaf.value, "\(path).\(leaf.key)", "a string or a list is wanted here")
                }
            }
            if !map.value.isMap {
                error(map.value, "Mappings.\(map.key)", "a map of two levels is wanted here")
            }
        }
    }

    // MARK: Resources

    private func readResources() {
        for entry in root["Resources"]?.entries ?? [] {
            let path = "Resources.\(entry.key)"
            guard let type = entry.value["Type"]?.text else {
                report(.error, entry.line, entry.column, path, "Type is required")
                continue
            }
            if root["Parameters"]?[entry.key] != nil {
                let message = "a parameter has this name too"
                report(.error, entry.line, entry.column, path, message)
            }
            if let condition = entry.value["Condition"] {
                guard let name = condition.text else {
                    error(condition, path + ".Condition", "Condition names a condition")
                    continue
                }
                if !self.condition(named: name, at: condition, path) { continue }
            }
            resources[entry.key] = ResourceEntry(
                logicalID: entry.key,
                type: type,
                node: entry.value,
                line: entry.line,
                column: entry.column
            )
            order.append(entry.key)
        }
    }
}

/// The macros that are carried out here.
enum Transforms {
    static let serverless = "AWS::Serverless-2016-10-31"
    static let languageExtensions = "AWS::LanguageExtensions"
}
