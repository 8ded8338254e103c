import Foundation
import JSON
import Synchronization

/// Checks an input against the constraints of its model, with AWS's sentences.
struct ParameterValidation {
    let model: ServiceModel
    /// How the service says that a value is not one of an enumeration.
    let enumPhrase: String
    /// Shapes that the service itself checks, with other words.
    let exempt: Set<String>
    let patterns: PatternCache

    /// Everything that is wrong: `Value '…' at '…' failed to satisfy constraint: …`.
    func problems(_ input: JSONValue, _ shape: Shape) -> [String] {
        var found: [String] = []
        structure(input, shape, path: "", into: &found)
        return found
    }

    /// The message that AWS makes of problems; nil when there are none.
    static func message(_ problems: [String]) -> String? {
        guard !problems.isEmpty else { return nil }
        let noun = problems.count == 1 ? "error" : "errors"
        return "\(problems.count) validation \(noun) detected: "
            + problems.joined(separator: "; ")
    }

    private func structure(
        _ value: JSONValue,
        _ shape: Shape,
        path: String,
        into found: inout [String]
    ) {
        for member in shape.members {
            let name = Self.lowerCamel(member.name)
            let place = path.isEmpty ? name : "\(path).\(name)"
            guard let child = value[member.name], !child.isNull else {
                if shape.required.contains(member.name), shape.payload != member.name {
                    found.append(Self.sentence("null", place, "Member must not be null"))
                }
                continue
            }
            check(child, model.shape(member.shape), path: place, into: &found)
        }
    }

    private func check(
        _ value: JSONValue,
        _ shape: Shape,
        path: String,
        into found: inout [String]
    ) {
        for phrase in violations(value, shape) {
            found.append(Self.sentence("'\(printed(value, shape))'", path, phrase))
        }
        switch shape.kind {
        case .structure: structure(value, shape, path: path, into: &found)
        case .list: elements(value, shape, path: path, into: &found)
        case .map: entries(value, shape, path: path, into: &found)
        default: break
        }
    }

    private func elements(
        _ value: JSONValue,
        _ shape: Shape,
        path: String,
        into found: inout [String]
    ) {
        guard let element = shape.element.map({ model.shape($0.shape) }) else { return }
        let isSimple = ![.structure, .list, .map].contains(element.kind)
        for (index, item) in (value.array ?? []).enumerated() {
            if !isSimple {
                check(item, element, path: "\(path).\(index + 1).member", into: &found)
            } else if !violations(item, element).isEmpty {
                let phrases = constraints(element) + ["Member must not be null"]
                let phrase =
                    "Member must satisfy constraint: [\(phrases.joined(separator: ", "))]"
                found.append(Self.sentence("'\(Self.text(value))'", path, phrase))
                return
            }
        }
    }

    private func entries(
        _ value: JSONValue,
        _ shape: Shape,
        path: String,
        into found: inout [String]
    ) {
        guard let key = shape.key.map({ model.shape($0.shape) }),
            let target = shape.value.map({ model.shape($0.shape) }), let object = value.object
        else { return }
        let text = "'\(Self.text(value))'"
        if object.keys.contains(where: { !violations(.string($0), key).isEmpty }) {
            let phrases = constraints(key).joined(separator: ", ")
            found.append(
                Self.sentence(text, path, "Map keys must satisfy constraint: [\(phrases)]")
            )
        }
        if target.kind == .structure {
            for entry in object {
                check(entry.value, target, path: "\(path).\(entry.key).member", into: &found)
            }
        } else if object.contains(where: { !violations($0.value, target).isEmpty }) {
            let phrases = (constraints(target) + ["Member must not be null"])
                .joined(separator: ", ")
            found.append(
                Self.sentence(text, path, "Map value must satisfy constraint: [\(phrases)]")
            )
        }
    }

    /// The constraints that a value breaks, in AWS's words.
    private func violations(_ value: JSONValue, _ shape: Shape) -> [String] {
        guard !exempt.contains(shape.name) else { return [] }
        var found: [String] = []
        if let size = size(value, shape) {
            if let maximum = shape.maximum, size > maximum {
                found.append(bound(shape, "less", maximum))
            }
            if let minimum = shape.minimum, size < minimum {
                found.append(bound(shape, "greater", minimum))
            }
        }
        guard let text = value.string, shape.kind == .string else { return found }
        if let pattern = shape.pattern, !patterns.matches(text, pattern) {
            found.append("Member must satisfy regular expression pattern: \(pattern)")
        }
        if !shape.values.isEmpty, !shape.values.contains(text) { found.append(choice(shape)) }
        return found
    }

    /// All constraints of a simple shape, kept or not.
    private func constraints(_ shape: Shape) -> [String] {
        var all: [String] = []
        if let maximum = shape.maximum { all.append(bound(shape, "less", maximum)) }
        if let minimum = shape.minimum { all.append(bound(shape, "greater", minimum)) }
        if let pattern = shape.pattern {
            all.append("Member must satisfy regular expression pattern: \(pattern)")
        }
        if !shape.values.isEmpty { all.append(choice(shape)) }
        return all
    }

    private func choice(_ shape: Shape) -> String {
        "Member must satisfy \(enumPhrase): [\(shape.values.joined(separator: ", "))]"
    }

    private func bound(_ shape: Shape, _ direction: String, _ limit: Double) -> String {
        let isNumber = [.integer, .long, .float, .double].contains(shape.kind)
        let isFraction = shape.kind == .float || shape.kind == .double
        let number = isFraction ? String(limit) : String(Int(limit))
        return "Member must have \(isNumber ? "value" : "length") \(direction) than or equal to "
            + number
    }

    private func size(_ value: JSONValue, _ shape: Shape) -> Double? {
        switch shape.kind {
        case .string: value.string.map { Double($0.utf16.count) }
        case .list: value.array.map { Double($0.count) }
        case .map: value.object.map { Double($0.count) }
        case .integer, .long, .float, .double: value.double
        // The length of the decoded bytes.
        case .blob:
            value.string.map { text in
                Double(text.utf8.count / 4 * 3 - text.utf8.suffix(2).count { $0 == 0x3D })
            }
        default: nil
        }
    }

    /// A value as it stands in a sentence; of bytes only their number.
    private func printed(_ value: JSONValue, _ shape: Shape) -> String {
        guard shape.kind == .blob, let count = size(value, shape).map({ Int($0) }) else {
            return Self.text(value)
        }
        return "java.nio.HeapByteBuffer[pos=0 lim=\(count) cap=\(count)]"
    }

    private static func sentence(_ value: String, _ path: String, _ phrase: String) -> String {
        "Value \(value) at '\(path)' failed to satisfy constraint: \(phrase)"
    }

    /// A value as AWS prints it in such sentences.
    static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let all): "[" + all.map(text).joined(separator: ", ") + "]"
        case .object(let object):
            "{" + object.map { "\($0.key)=\(text($0.value))" }.joined(separator: ", ") + "}"
        default: value.text
        }
    }

    static func lowerCamel(_ name: String) -> String {
        guard let first = name.first, first.isUppercase else { return name }
        // `KMSKeyArn` becomes `kMSKeyArn`, as the services print it.
        return first.lowercased() + name.dropFirst()
    }
}

/// Compiled patterns; there are as many as the models have.
///
/// The models' patterns are Java's, which ICU reads.
final class PatternCache: Sendable {
    /// Compiled expressions are immutable and may be used by several threads at once.
    private let compiled = Mutex<[String: Compiled]>([:])

    private struct Compiled: Sendable {
        let expression: NSRegularExpression?
    }

    /// Whether the whole text fits the pattern; true when the pattern cannot be read.
    func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = expression(pattern) else { return true }
        let range = NSRange(text.startIndex..., in: text)
        return expression.firstMatch(in: text, range: range) != nil
    }

    /// The compiled pattern, or nil when it cannot be read.
    func expression(_ pattern: String) -> NSRegularExpression? {
        compiled.withLock { cache in
            if let known = cache[pattern] { return known.expression }
            let made = try? NSRegularExpression(pattern: "\\A(?:\(pattern))\\z")
            cache[pattern] = Compiled(expression: made)
            return made
        }
    }
}
