import HTTP
import Model
import Testing

@testable import FrontDoors

/// Policies of continuous deployment and the sessions that they make.
@Suite("Staging policies")
struct StagedDoorTests {
    static func policy(_ traffic: String, isEnabled: Bool = true) -> StagingPolicy? {
        StagingPolicy(
            record: """
                {"Config":{"Enabled":\(isEnabled),"StagingDistributionDnsNames":{"Quantity":1,\
                "Items":["e1abc.cloudfront.net"]},"TrafficConfig":\(traffic)}}
                """
        )
    }

    static let sticky = """
        {"Type":"SingleWeight","SingleWeightConfig":{"Weight":0.1,\
        "SessionStickinessConfig":{"IdleTTL":300,"MaximumTTL":600}}}
        """

    @Test("a policy names its traffic and its distribution")
    func reading() throws {
        let weight = try #require(Self.policy(Self.sticky))
        #expect(weight.traffic == .weight(0.1, .init(idle: 300, most: 600)))
        #expect(weight.distributions == ["e1abc"])
        let header = Self.policy(
            #"{"Type":"SingleHeader","SingleHeaderConfig":{"Header":"aws-cf-cd-x","Value":"1"}}"#
        )
        #expect(header?.traffic == .header(name: "aws-cf-cd-x", value: "1"))
    }

    @Test("a policy that is off is none, and a changed one has another mark")
    func marks() {
        #expect(Self.policy(Self.sticky, isEnabled: false) == nil)
        let other = Self.sticky.replacing("0.1", with: "0.05")
        #expect(Self.policy(Self.sticky)?.mark != Self.policy(other)?.mark)
    }

    @Test("a session lasts while it is used and not beyond its most")
    func sessions() throws {
        let times = StagingPolicy.Stickiness(idle: 300, most: 600)
        let session = StagedDoor.Session(isStaging: true, began: 1000)
        let cookie = session.cookie("m", times, 1100)
        #expect(cookie.contains("=m.s.1000.1100; Max-Age=300;"))
        let sent: Headers = ["Cookie": "a=b; " + cookie.prefix { $0 != ";" }]
        func found(_ now: Int, mark: String = "m") -> StagedDoor.Session? {
            StagedDoor.Session(sent, mark, times, now)
        }
        #expect(found(1399) == session)
        #expect(found(1400) == nil)
        #expect(found(1200, mark: "n") == nil)
        let late: Headers = ["Cookie": StagedDoor.cookie + "=m.p.1000.1590"]
        #expect(StagedDoor.Session(late, "m", times, 1599)?.isStaging == false)
        #expect(StagedDoor.Session(late, "m", times, 1600) == nil)
        #expect(session.cookie("m", times, 1590).contains("Max-Age=10;"))
        #expect(StagedDoor.Session(["Cookie": "x=1"], "m", times, 1) == nil)
    }
}
