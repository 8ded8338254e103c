import DataPlane
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

@Suite("Event buses", .timeLimit(.minutes(5)))
struct EventBusTests {
    private let clock = VirtualClock()
    private let calls = Calls()

    private final class Calls: Sendable {
        let all = Mutex<[(function: String, payload: JSONValue, time: Int64)]>([])
        let log = Mutex<[String]>([])
    }

    private func bus(permits: Bool = true) -> EventBus {
        let (calls, clock) = (calls, clock)
        return EventBus(
            EventBus.Surroundings(
                client: ServiceClient(
                    reactor: Reactor(),
                    endpoints: ServiceEndpoints(overrides: { [:] }, variables: { _ in nil }),
                    credentials: ServiceClient.Credentials(accessKey: "a", secretKey: "b")
                ),
                call: { name, qualifier, payload in
                    let json = (try? JSONValue.parse(payload[...])) ?? .null
                    let function = qualifier.map { "\(name):\($0)" } ?? name
                    calls.all.withLock { $0.append((function, json, clock.milliseconds / 1000)) }
                    return nil
                },
                permits: { call, _ in
                    permits && call.principal == "events.amazonaws.com"
                        && call.sourceARN?.hasPrefix("arn:aws:events:us-east-1:123456789012:rule/")
                            == true
                },
                clock: clock,
                log: { line in calls.log.withLock { $0.append(line) } }
            )
        )
    }

    private func rule(_ name: String, _ members: String, target: String = "") throws -> BusRule {
        let arn = "arn:aws:events:us-east-1:123456789012:rule/\(name)"
        let function = "arn:aws:lambda:us-east-1:123456789012:function:f"
        let json = try JSONValue.parse(
            #"{"Name":"\#(name)","Arn":"\#(arn)","State":"ENABLED","EventBusName":"default","Created":\#(clock.milliseconds / 1000),"#
                + #"\#(members),"Targets":[{"Id":"1","Arn":"\#(function)"\#(target)}]}"#
        )
        return try #require(BusRule(json))
    }

    private func event(_ detail: String = #"{"a":[{"b":1}],"text":"say \"hi\""}"#) -> BusEvent {
        BusEvent(
            bus: "default",
            source: "my.app",
            detailType: "Made",
            resources: ["r"],
            detail: detail
        )
    }

    /// Waits until a number of calls have come, moving the clock on whenever nothing else happens.
    private func wait(for count: Int) async {
        while calls.all.withLock({ $0.count }) < count {
            _ = clock.advance()
            await Task.yield()
        }
    }

    @Test("rules of an earlier revision do not come back when they are told late")
    func revisions() async throws {
        let bus = bus()
        #expect(await bus.isBehind(2))
        await bus.follow([try rule("r", #""EventPattern":"{\"source\":[\"my.app\"]}""#)], of: 2)
        await bus.follow([], of: 1)
        #expect(await !bus.isBehind(2))
        _ = await bus.put(event())
        await wait(for: 1)
    }

    @Test("an event that fits reaches the target as EventBridge writes it, others do not")
    func matching() async throws {
        let bus = bus()
        await bus.follow([
            try rule("fits", #""EventPattern":"{\"source\":[\"my.app\"]}""#),
            try rule("other", #""EventPattern":"{\"source\":[\"your.app\"]}""#),
        ])
        let id = await bus.put(event(), time: 1_700_000_000)
        await wait(for: 1)
        let payload = calls.all.withLock { $0[0].payload }
        #expect(
            payload.object?.keys == [
                "version", "id", "detail-type", "source", "account", "time", "region", "resources",
                "detail",
            ]
        )
        #expect(payload["id"]?.string == id)
        #expect(payload["time"]?.string == "2023-11-14T22:13:20Z")
        #expect(payload["detail"]?["a"]?[0]?["b"]?.int == 1)
        #expect(calls.all.withLock { $0.count } == 1)
    }

    @Test(
        "a target gets what its input says",
        arguments: [
            (#","Input":"{\"x\":1}""#, #"{"x":1}"#),
            (#","InputPath":"$.detail.a[0]""#, #"{"b":1}"#),
            (
                #","InputTransformer":{"InputPathsMap":{"b":"$.detail.a[0].b","t":"$.detail.text","no":"$.none"},"#
                    + #""InputTemplate":"{\"b\": <b>, \"t\": \"t=<t><no>\", \"rule\": <aws.events.rule-name>}"}"#,
                #"{"b":1,"t":"t=say \"hi\"","rule":"r"}"#
            ),
            (
                #","InputTransformer":{"InputPathsMap":{"t":"$.detail.text"},"InputTemplate":"\"<t>!\""}"#,
                #""say \"hi\"!""#
            ),
        ]
    )
    func inputs(target: String, expected: String) async throws {
        let bus = bus()
        await bus.follow([
            try rule("r", #""EventPattern":"{\"source\":[\"my.app\"]}""#, target: target)
        ])
        _ = await bus.put(event())
        await wait(for: 1)
        #expect(calls.all.withLock { $0[0].payload } == (try JSONValue.parse(expected)))
    }

    @Test("a rate fires again and again from the rule's beginning, a cron when its time comes")
    func schedules() async throws {
        let start = clock.milliseconds / 1000
        let bus = bus()
        await bus.follow([try rule("rate", #""ScheduleExpression":"rate(5 minutes)""#)])
        await wait(for: 3)
        let found = calls.all.withLock { $0 }
        #expect(found.map { $0.time - start } == [300, 600, 900])
        let event = found[0].payload
        #expect(event["detail-type"]?.string == "Scheduled Event")
        #expect(event["source"]?.string == "aws.events")
        #expect(event["detail"]?.object?.isEmpty == true)
        let arn = "arn:aws:events:us-east-1:123456789012:rule/rate"
        #expect(event["resources"]?[0]?.string == arn)
        await bus.follow([try rule("cron", #""ScheduleExpression":"cron(0 12 * * ? *)""#)])
        await wait(for: 5)
        let crons = calls.all.withLock { $0.dropFirst(3).map(\.time) }
        #expect(crons.allSatisfy { $0 % 86_400 == 43_200 } && crons[1] - crons[0] == 86_400)
        await bus.stop()
    }

    @Test("a rule that is switched off or has no permission calls nothing")
    func refused() async throws {
        let silent = bus(permits: false)
        let pattern = #""EventPattern":"{\"source\":[\"my.app\"]}""#
        await silent.follow([try rule("r", pattern)])
        _ = await silent.put(event())
        while calls.log.withLock({ $0.isEmpty }) { await Task.yield() }
        #expect(calls.log.withLock { $0[0] }.contains("no permission lets events.amazonaws.com"))
        let off = bus()
        await off.follow([try rule("r", #""State":"DISABLED","# + pattern)])
        #expect(await off.put(event()) != nil)
        #expect(calls.all.withLock { $0.isEmpty })
    }
}
