import ArgumentParser
import Foundation
import Templates

/// Runs the template loader and reports; exits non-zero when anything is wrong or unsupported.
struct Validate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Check a template: every error and every unsupported property, with line and column."
    )

    @Option(help: "The template.")
    var template = "template.yaml"

    @Option(help: "The folder for the registry, edges and logs.")
    var state = ".portico"

    @Option(help: "A parameter as Name=Value. May be given more than once.")
    var parameter: [String] = []

    func run() async throws {
        let stack = try Stack(templatePath: template, parameters: parameter)
        let plan = stack.compile(state: URL(fileURLWithPath: state).standardizedFileURL.path)
        let versions = Dictionary(
            plan.functions.map { ($0.logicalID, 1) },
            uniquingKeysWith: { first, _ in first }
        )
        let (resources, mapped) = plan.resources(versions: versions)
        let diagnostics = plan.diagnostics + mapped
        for diagnostic in diagnostics { print(diagnostic) }
        guard !diagnostics.contains(where: { $0.severity != .note }) else { throw ExitCode(1) }
        print(
            "\(template): \(resources.count) resources, \(plan.functions.count) functions, no problems"
        )
    }
}
