/// Something that reads hostile bytes, with the properties that must hold whatever they are.
///
/// A broken property traps: a fuzzer keeps the input, and the replay of kept inputs fails.
package struct FuzzTarget: Sendable {
    /// The name of its folders under `Corpora` and `Crashes`.
    package let name: String
    /// Reads an input.
    package let run: @Sendable (ArraySlice<UInt8>) -> Void

    /// Every target.
    package static let all = [
        FuzzTarget(name: "request-head", run: HeadTargets.request),
        FuzzTarget(name: "response-head", run: HeadTargets.response),
        FuzzTarget(name: "chunks", run: ChunkTarget.run),
        FuzzTarget(name: "fields", run: FieldTarget.run),
        FuzzTarget(name: "json", run: JSONTarget.run),
        FuzzTarget(name: "result", run: ResultTarget.run),
        FuzzTarget(name: "pattern", run: PatternTarget.run),
        FuzzTarget(name: "template", run: TemplateTarget.run),
        FuzzTarget(name: "proxy-header", run: ProxyHeaderTarget.run),
        FuzzTarget(name: "feed", run: FeedTarget.run),
        FuzzTarget(name: "signed-url", run: SignedURLTarget.run),
        FuzzTarget(name: "rules", run: RuleTarget.run),
    ]

    /// The target of a name.
    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
