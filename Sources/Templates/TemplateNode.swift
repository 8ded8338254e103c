/// A value of a template with the place where it stands.
package struct TemplateNode: Sendable {
    /// A key with its place and its value.
    package struct Entry: Sendable {
        package var key: String
        package var line: Int
        package var column: Int
        package var value: TemplateNode
    }

    /// The forms a value can take.
    package indirect enum Content: Sendable {
        case null
        /// `isPlain`: written without quotes.
        case scalar(String, isPlain: Bool)
        case list([TemplateNode])
        case map([Entry])
    }

    package var content: Content
    package var line: Int
    package var column: Int

    /// The value under a key, when this is a map that has it.
    package subscript(_ key: String) -> TemplateNode? { entry(key)?.value }

    /// The entry of a key, when this is a map that has it.
    package func entry(_ key: String) -> Entry? { entries.first { $0.key == key } }

    /// The entries of a map; none for anything else.
    package var entries: [Entry] {
        guard case .map(let entries) = content else { return [] }
        return entries
    }

    /// The elements of a list; nil for anything else.
    package var list: [TemplateNode]? {
        guard case .list(let elements) = content else { return nil }
        return elements
    }

    /// The text of a scalar; nil for anything else.
    package var text: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }

    var isMap: Bool {
        guard case .map = content else { return false }
        return true
    }

    var isNull: Bool {
        guard case .null = content else { return false }
        return true
    }

    /// The same place with other content.
    func with(_ content: Content) -> TemplateNode {
        TemplateNode(content: content, line: line, column: column)
    }

    func scalar(_ text: String) -> TemplateNode { with(.scalar(text, isPlain: false)) }

    func list(_ texts: [String]) -> TemplateNode { with(.list(texts.map(scalar))) }

    /// A map of one intrinsic function: its name and argument.
    var intrinsic: Entry? {
        guard entries.count == 1, let entry = entries.first else { return nil }
        let isFunction = entry.key.hasPrefix("Fn::") || entry.key == "Ref"
        return isFunction ? entry : nil
    }
}
