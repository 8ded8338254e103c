import Model
import Testing

@testable import portico

@Suite("Versions that an edge starts before anybody calls them")
struct ReadyVersionsTests {
    private func version(_ name: String, _ number: Int) -> Change {
        .put(
            .function(
                FunctionVersion(
                    name: name,
                    version: number,
                    runtime: "nodejs22.x",
                    handler: "index.handler",
                    codeDigest: String(repeating: "a", count: 64)
                )
            )
        )
    }

    private func distribution(running name: String, _ number: Int) -> Change {
        var behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: "o",
            cachePolicy: CachePolicy(id: "p")
        )
        behavior.functions = [
            EdgeFunctionAssociation(event: .viewerRequest, function: name, version: number)
        ]
        return .put(.distribution(Distribution(id: "E1", origins: [], behaviors: [behavior])))
    }

    @Test("what distributions run is started once, and a newer version as soon as it is published")
    func followsPublishing() {
        let ready = ReadyVersions()
        var snapshot = Snapshot()
        func apply(_ changes: Change...) -> [String] {
            snapshot = snapshot.applying(changes, revision: snapshot.revision + 1)
            return ready.take(snapshot).map(\.qualifiedName)
        }
        // Nobody runs them, whatever is published.
        #expect(apply(version("f", 1), version("g", 1)) == [])
        #expect(apply(version("g", 2)) == [])
        // A version that was there before stays unused; the one that is run is started.
        #expect(apply(version("f", 2), distribution(running: "f", 1)) == ["f:1"])
        #expect(apply(version("g", 3)) == [])
        #expect(apply(version("f", FunctionVersion.latest)) == [])
        #expect(apply(version("f", 3)) == ["f:3"])
        #expect(apply(distribution(running: "f", 3)) == [])
        #expect(apply(distribution(running: "f", 2)) == ["f:2"])
        // What was deleted and comes again is another version.
        #expect(apply(.delete("distribution/E1"), .delete("function/f:3")) == [])
        #expect(apply(version("f", 4), distribution(running: "f", 4)) == ["f:4"])
    }

    @Test("an edge that starts anew starts what its distributions run, not what is newest")
    func startsAnew() {
        let changes = [version("f", 1), version("f", 2), distribution(running: "f", 1)]
        let snapshot = Snapshot().applying(changes, revision: 1)
        #expect(ReadyVersions().take(snapshot).map(\.qualifiedName) == ["f:1"])
    }
}
