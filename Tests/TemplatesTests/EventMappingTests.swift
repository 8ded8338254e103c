import JSON
import Model
import Testing

@testable import Templates

@Suite("Event sources and rules in templates")
struct EventMappingTests {
    private func stack(_ events: String, _ more: String = "", _ resources: String = "") -> String {
        """
        Transform: AWS::Serverless-2016-10-31
        Metadata:
          Portico:
            Endpoints: { sqs: 'http://127.0.0.1:5000', dynamodb: 'http://127.0.0.1:5001' }
        Resources:
        \(resources)
          Jobs: { Type: AWS::SQS::Queue, Properties: { QueueName: jobs } }
          F:
            Type: AWS::Serverless::Function
            Properties:
              FunctionName: f
              Runtime: nodejs22.x
              Handler: index.handler
              InlineCode: '1'
              AutoPublishAlias: live
              \(more)
              Events:
                E: { \(events) }
        """
    }

    private func documents(_ plan: StackPlan, _ kind: String) throws -> [JSONValue] {
        try resources(plan).compactMap { resource in
            guard case .record(let id, let text) = resource, id.hasPrefix(kind + "/") else {
                return nil
            }
            return try JSONValue.parse(text)
        }
    }

    /// The problems but that of the queue, which another program has.
    private func problems(_ plan: StackPlan) -> [String] {
        plan.messages.filter { !$0.contains("AWS::SQS::Queue") }
    }

    @Test("an SQS event of SAM and a mapping of CloudFormation end in a document of the Lambda API")
    func mappings() throws {
        let plan = try compiled(
            stack(
                "Type: SQS, Properties: { Queue: !GetAtt Jobs.Arn, BatchSize: 5, "
                    + "FunctionResponseTypes: [ReportBatchItemFailures], "
                    + "FilterCriteria: { Filters: [ { Pattern: '{\"body\":{\"a\":[1]}}' } ] } }",
                "",
                """
                  M:
                    Type: AWS::Lambda::EventSourceMapping
                    Properties:
                      FunctionName: !Ref F
                      EventSourceArn: arn:aws:kinesis:us-east-1:123456789012:stream/s
                      StartingPosition: LATEST
                      BisectBatchOnFunctionError: true
                """
            )
        )
        #expect(problems(plan) == [])
        let found = try documents(plan, "lambda/mapping")
            .sorted { ($0["BatchSize"]?.int ?? 0) < ($1["BatchSize"]?.int ?? 0) }
        try #require(found.count == 2)
        #expect(found[0]["EventSourceArn"]?.string == "arn:aws:sqs:us-east-1:123456789012:jobs")
        #expect(
            found[0]["FunctionArn"]?.string
                == "arn:aws:lambda:us-east-1:123456789012:function:f:live"
        )
        #expect(found[0]["FilterCriteria"]?["Filters"]?[0]?["Pattern"]?.string != nil)
        #expect(found[1]["BatchSize"]?.int == 100)
        #expect(found[1]["BisectBatchOnFunctionError"]?.bool == true)
        #expect(
            found[1]["FunctionArn"]?.string == "arn:aws:lambda:us-east-1:123456789012:function:f"
        )
        #expect(plan.origins["sqs.amazonaws.com"] == "http://127.0.0.1:5000")
        #expect(plan.origins["streams.dynamodb.amazonaws.com"] == "http://127.0.0.1:5001")
    }

    @Test("schedules and patterns of SAM end in rules with the permission that they need")
    func rules() throws {
        let plan = try compiled(
            stack(
                "Type: Schedule, Properties: { Schedule: rate(5 minutes), Name: tick, Input: '{\"a\":1}' }"
            )
        )
        #expect(problems(plan) == [])
        let rule = try #require(try documents(plan, "events/rule").first)
        #expect(rule["ScheduleExpression"]?.string == "rate(5 minutes)")
        #expect(rule["Targets"]?[0]?["Input"]?.string == #"{"a":1}"#)
        let arn = "arn:aws:events:us-east-1:123456789012:rule/tick"
        #expect(rule["Arn"]?.string == arn)
        let permission = resources(plan).compactMap { resource -> FunctionPermission? in
            if case .permission(let found) = resource { found } else { nil }
        }.first
        #expect(permission?.principal == "events.amazonaws.com")
        #expect(permission?.sourceARN == arn && permission?.qualifier == "live")
    }

    @Test("a rule of CloudFormation keeps its pattern and targets")
    func plainRule() throws {
        let plan = try compiled(
            """
            Resources:
            \(functionText("F"))
              R:
                Type: AWS::Events::Rule
                Properties:
                  Name: made
                  EventPattern: { source: [my.app], detail: { n: [ { numeric: [ '>', 1 ] } ] } }
                  Targets:
                    - { Id: one, Arn: !GetAtt F.Arn, InputPath: $.detail }
            Outputs: { A: { Value: !GetAtt R.Arn } }
            """
        )
        #expect(plan.messages == [])
        let rule = try #require(try documents(plan, "events/rule").first)
        let pattern = try JSONValue.parse(rule["EventPattern"]?.string ?? "")
        #expect(pattern["detail"]?["n"]?[0]?["numeric"]?[1]?.int == 1)
        #expect(rule["Targets"]?[0]?["InputPath"]?.string == "$.detail")
        #expect(plan.outputs["A"] == "arn:aws:events:us-east-1:123456789012:rule/made")
    }

    @Test("dead letters and the size of /tmp reach the function")
    func settings() throws {
        let plan = try compiled(
            stack(
                "Type: Schedule, Properties: { Schedule: rate(1 day) }",
                "DeadLetterQueue: { Type: SQS, TargetArn: !GetAtt Jobs.Arn }\n"
                    + "      EphemeralStorage: { Size: 1024 }"
            )
        )
        #expect(problems(plan) == [])
        let function = try #require(plan.functions.first)
        #expect(function.deadLetterTarget == "arn:aws:sqs:us-east-1:123456789012:jobs")
        #expect(function.ephemeralStorage == 1024)
    }

    @Test(
        "what AWS would refuse is refused where it stands",
        arguments: [
            (
                "Type: Schedule, Properties: { Schedule: rate(5 minute) }",
                "ScheduleExpression is not valid"
            ),
            (
                "Type: EventBridgeRule, Properties: { Pattern: { source: x } }",
                "Event pattern is not valid"
            ),
            (
                "Type: SQS, Properties: { Queue: 'arn:aws:sqs:us-east-1:1:q', BatchSize: 11 }",
                "batch window"
            ),
            (
                "Type: Kinesis, Properties: { Stream: 'arn:aws:kinesis:us-east-1:1:stream/s' }",
                "startingPosition"
            ),
            (
                "Type: Kinesis, Properties: { Stream: 'arn:aws:kinesis:us-east-1:1:stream/s', "
                    + "StartingPosition: LATEST, TumblingWindowInSeconds: 901 }",
                "TumblingWindowInSeconds must be between 0 and 900"
            ),
            (
                "Type: Kinesis, Properties: { Stream: 'arn:aws:kinesis:us-east-1:1:stream/s', "
                    + "StartingPosition: LATEST, TumblingWindowInSeconds: 5, ParallelizationFactor: 2 }",
                "ParallelizationFactor greater than 1"
            ),
            (
                "Type: SQS, Properties: { Queue: 'arn:aws:kafka:us-east-1:1:cluster/c/1' }",
                "Amazon MSK and Kafka are not supported here"
            ),
            (
                "Type: SQS, Properties: { Queue: 'arn:aws:mq:us-east-1:1:broker:b:1' }",
                "Amazon MQ are not supported here"
            ), ("Type: SQS, Properties: { Queue: nothing }", "Unrecognized event source"),
        ]
    )
    func refused(events: String, message: String) throws {
        let plan = try compiled(stack(events))
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
        #expect(!plan.isValid)
    }
}
