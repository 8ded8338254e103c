import Foundation
import Templates

/// A template on disk with the name and parameters under which it is compiled.
struct Stack {
    /// Ids are derived from this name and the logical id.
    static let name = "portico"

    let path: String
    let parameters: [String: String]
    private let template: Template

    /// Loads a template; an absent one is an empty stack unless it was asked for.
    init(templatePath: String, parameters: [String], mayBeAbsent: Bool = false) throws {
        path = templatePath
        self.parameters = try Self.pairs(parameters)
        do {
            if mayBeAbsent, !FileManager.default.fileExists(atPath: templatePath) {
                template = try Template.parse("", path: templatePath)
            } else {
                template = try Template.load(path: templatePath)
            }
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// Makes a stack from text that is on no disk.
    init(text: String, path: String) throws {
        self.path = path
        parameters = [:]
        do { template = try Template.parse(text, path: path) } catch {
            throw CommandFailure("\(error)")
        }
    }

    /// The folder that relative paths of the template start from.
    var folder: String {
        URL(fileURLWithPath: path).deletingLastPathComponent().standardizedFileURL.path
    }

    func compile() -> StackPlan {
        StackCompiler(
            template: template,
            stackName: Self.name,
            parameters: parameters,
            baseFolder: folder
        ).compile()
    }

    /// A finding in the form that editors understand.
    func text(of diagnostic: Diagnostic) -> String {
        let kind = diagnostic.severity == .error ? "error" : "warning"
        let place = "\(path):\(diagnostic.line):\(diagnostic.column)"
        return "\(place): \(kind): \(diagnostic.path): \(diagnostic.message)"
    }

    private static func pairs(_ texts: [String]) throws -> [String: String] {
        var result: [String: String] = [:]
        for text in texts {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw CommandFailure("--parameter takes Name=Value, not '\(text)'")
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}
