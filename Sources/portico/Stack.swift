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
            if !FileManager.default.fileExists(atPath: templatePath) {
                guard mayBeAbsent else {
                    throw CommandFailure("there is no template \(templatePath)")
                }
                template = try Template.parse("", path: templatePath)
            } else {
                template = try Template.load(path: templatePath)
            }
        } catch let error as TemplateError {
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

    /// The template's file as an absolute path.
    var file: String { URL(fileURLWithPath: path).standardizedFileURL.path }

    /// The folder that relative paths of the template start from.
    var folder: String {
        URL(fileURLWithPath: path).deletingLastPathComponent().standardizedFileURL.path
    }

    /// The plan of the stack; buckets without a folder of their own get one in the state folder.
    func compile(state: String) -> StackPlan {
        StackCompiler(
            template: template,
            stackName: Self.name,
            parameters: parameters,
            folders: StackFolders(base: folder, buckets: state + "/buckets")
        ).compile()
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
