import Model
import Testing

@testable import Templates

@Suite
struct SnapStartMappingTests {
    private func stack(_ properties: String, runtime: String = "python3.12") -> String {
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: f
              Runtime: \(runtime)
              Handler: index.handler
              InlineCode: '1'
              AutoPublishAlias: live
              \(properties)
        """
    }

    @Test("the setting reaches the function, and None is no setting")
    func setting() throws {
        let on = try compiled(stack("SnapStart: { ApplyOn: PublishedVersions }"))
        #expect(on.isValid, "\(on.messages)")
        #expect(on.functions.first?.snapStart == .publishedVersions)
        let off = try compiled(stack("SnapStart: { ApplyOn: None }", runtime: "nodejs22.x"))
        #expect(off.isValid, "\(off.messages)")
        #expect(off.functions.first?.snapStart == nil)
    }

    @Test(
        "what AWS refuses beside the setting is refused where it stands",
        arguments: [
            ("nodejs22.x", "", "nodejs22.x is not supported for SnapStart enabled functions."),
            ("python3.11", "", "python3.11 is not supported for SnapStart enabled functions."),
            ("python3.12", "EphemeralStorage: { Size: 1024 }", "512 MB at most"),
            (
                "python3.12",
                "ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 1 }",
                "Provisioned Concurrency is not supported for SnapStart enabled functions."
            ),
        ]
    )
    func refused(runtime: String, more: String, message: String) throws {
        let properties = "SnapStart: { ApplyOn: PublishedVersions }\n      " + more
        let plan = try compiled(stack(properties, runtime: runtime))
        #expect(!plan.isValid)
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
    }
}
