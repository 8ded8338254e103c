import Foundation
import Model
import Testing

@testable import Templates

@Suite("Layers and settings of functions")
struct FunctionSettingsTests {
    private func stack(_ properties: String, _ resources: String = "") -> String {
        """
        Transform: AWS::Serverless-2016-10-31
        Resources:
        \(resources)
          F:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: f
              Runtime: nodejs22.x
              Handler: index.handler
              InlineCode: '1'
              AutoPublishAlias: live
              \(properties)
        """
    }

    private func settings(_ plan: StackPlan) -> FunctionSettings? {
        for case .functionSettings(let found) in resources(plan) { return found }
        return nil
    }

    @Test("a function gets the code of the layers that it names, in their order")
    func layers() throws {
        let plan = try compiled(
            stack(
                "Layers: [!Ref B, !Ref A]",
                """
                  A: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: /tmp}}
                  B:
                    Type: AWS::Lambda::LayerVersion
                    Properties: {LayerName: b, Content: {S3Bucket: s, S3Key: hosts}}
                """
            ) + "\nMetadata: {Portico: {Buckets: {s: /etc}}}\n"
        )
        #expect(plan.problems == [])
        let function = try #require(plan.functions.first)
        #expect(function.layers.map(\.logicalID) == ["B", "A"])
        #expect(function.layers.map(\.code) == [.zip("/etc/hosts"), .folder("/tmp")])
    }

    @Test(
        "what cannot be had or is wrong is refused",
        arguments: [
            ("Layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']", "is not in this template"),
            ("LoggingConfig: {SystemLogLevel: DEBUG}", "log levels go with LogFormat: JSON"),
            ("EventInvokeConfig: {MaximumRetryAttempts: 3}", "0 to 2 attempts are allowed"),
            ("EventInvokeConfig: {MaximumEventAgeInSeconds: 59}", "60 to 21600 seconds"),
            (
                "EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS, Destination: a}}}",
                "a is no ARN of SQS"
            ),
        ]
    )
    func refused(property: String, message: String) throws {
        let plan = try compiled(stack(property))
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
        #expect(!plan.isValid)
    }

    @Test("concurrency, retries and log format reach what is served")
    func honoured() throws {
        let plan = try compiled(
            stack(
                """
                ReservedConcurrentExecutions: 5
                      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 2}
                      EventInvokeConfig: {MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60}
                      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: WARN}
                """
            )
        )
        #expect(plan.problems == [])
        let found = try #require(settings(plan))
        #expect(found.reservedConcurrency == 5)
        #expect(found.provisionedConcurrency == ["live": 2])
        #expect(found.events["live"]?.maximumRetryAttempts == 0)
        #expect(found.events["live"]?.maximumAge == 60)
        #expect(plan.functions.first?.logging?.format == .json)
        #expect(plan.functions.first?.logging?.applicationLevel == .warn)
    }
}
