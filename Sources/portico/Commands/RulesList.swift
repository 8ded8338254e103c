import ArgumentParser
import Model

/// Lists the rules of AWS that are enforced here.
struct RulesList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract:
            "List the rules of AWS that are enforced: id, status, page of AWS's guide, example."
    )

    @Argument(help: "Only rules whose id contains this text.")
    var filter: String?

    func run() throws {
        let rules = Rules.all.filter { rule in filter.map { rule.id.contains($0) } ?? true }
        guard !rules.isEmpty else {
            throw CommandFailure("there is no rule whose id contains '\(filter ?? "")'")
        }
        for rule in rules {
            print("\(rule.id)  \(rule.status)")
            print("    \(rule.text)")
            print("    AWS: \(rule.page)")
            print("    breaks it: \(rule.example)")
        }
    }
}
