/// Something to say about a place in a template.
package struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
    /// How bad it is.
    package enum Severity: String, Sendable {
        /// The template cannot be served.
        case error
        /// Something is not honoured here; `validate` fails.
        case warning
        /// What has no effect on one machine by its nature, or was taken for granted.
        case note
    }

    package var severity: Severity
    package var file: String
    package var line: Int
    package var column: Int
    /// `Resources.Site.Properties.X`.
    package var path: String
    package var message: String

    /// `template.yaml:12:5: warning: Resources.Site.Properties.X: …`.
    package var description: String {
        "\(file):\(line):\(column): \(severity.rawValue): \(path.isEmpty ? "" : path + ": ")\(message)"
    }
}
