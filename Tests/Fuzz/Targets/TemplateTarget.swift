import Templates

/// Templates: read and compiled to a plan or to findings, each with a place in the text.
enum TemplateTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        // A larger text shows nothing that a small one does not.
        guard input.count <= 16_384 else { return }
        let text = String(decoding: input, as: UTF8.self)
        guard let template = try? Template.parse(text, path: "template.yaml") else { return }
        let plan = StackCompiler(
            template: template,
            stackName: "fuzz",
            parameters: [:],
            folders: StackFolders(base: "/nonexistent", buckets: "/nonexistent/buckets")
        ).compile()
        for finding in plan.diagnostics {
            precondition(finding.line >= 1 && finding.column >= 1, "a finding without a place")
            precondition(!finding.message.isEmpty, "a finding without words")
        }
    }
}
