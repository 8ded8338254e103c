import Model
import Testing

@Suite("Provisioned environments of a snapshot")
struct ProvisionedEnvironmentTests {
    @Test("counts of an alias and of its version add up, and those of nothing count for nothing")
    func counts() {
        var snapshot = Snapshot()
        for number in [1, 2] {
            let version = FunctionVersion(
                name: "f",
                version: number,
                runtime: "nodejs22.x",
                handler: "index.handler",
                codeDigest: "code"
            )
            snapshot.functions[version.qualifiedName] = version
        }
        snapshot.aliases["f:live"] = FunctionAlias(function: "f", name: "live", version: 2)
        var settings = FunctionSettings(function: "f")
        settings.provisionedConcurrency = ["live": 3, "2": 1, "1": 2, "gone": 5]
        snapshot.functionSettings["f"] = settings
        #expect(snapshot.provisionedEnvironments == ["f:2": 4, "f:1": 2])
    }
}
