import Foundation
import Model

@testable import Templates

/// A plan of a template's text; its folders are not looked for unless the text names them.
func compiled(
    _ text: String,
    parameters: [String: String] = [:],
    base: String = "/srv"
) throws -> StackPlan {
    StackCompiler(
        template: try Template.parse(text, path: "template.yaml"),
        stackName: "shop",
        parameters: parameters,
        folders: StackFolders(base: base, buckets: base + "/buckets")
    ).compile()
}

/// The resources that a plan comes to with version 1 of every function.
func resources(_ plan: StackPlan) -> [Model.Resource] { plan.resources(versions: [:]).resources }

extension StackPlan {
    /// Errors and warnings as `line:column path`.
    var problems: [String] {
        diagnostics.filter { $0.severity != .note }.map { "\($0.line):\($0.column) \($0.path)" }
    }

    /// The messages of errors and warnings.
    var messages: [String] { diagnostics.filter { $0.severity != .note }.map(\.message) }
}

/// A function with inline code under a logical id.
func functionText(_ id: String, _ more: String = "") -> String {
    """
      \(id):
        Type: AWS::Lambda::Function
        Properties:
          FunctionName: \(id.lowercased())
          Runtime: nodejs22.x
          Handler: index.handler
          Role: arn:aws:iam::123456789012:role/elsewhere
          Code: { ZipFile: 'exports.handler = async () => 1' }
    \(more)
    """
}
