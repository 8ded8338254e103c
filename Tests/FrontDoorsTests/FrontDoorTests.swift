import DataPlane
import Edge
import HTTP
import Model
import Reactor
import TLS
import Testing

@testable import FrontDoors

@Suite
struct FrontDoorTests {
    private func snapshot(distributions: Int) -> Snapshot {
        var snapshot = functionSnapshot()
        for number in 1...distributions {
            snapshot.distributions["E\(number)"] = Distribution(
                id: "E\(number)",
                aliases: number == 1 ? ["*.example.com", "app.localhost"] : ["*.b.example.com"],
                origins: [Origin(id: "o", domainName: "localhost")],
                behaviors: [
                    CacheBehavior(
                        pathPattern: "*",
                        targetOriginID: "o",
                        cachePolicy: .cachingDisabled
                    )
                ]
            )
        }
        snapshot.loadBalancers["arn"] = LoadBalancer(
            name: "My-LB",
            arn: "arn",
            listeners: [
                Model.Listener(
                    arn: "l",
                    port: 80,
                    isTLS: false,
                    rules: [],
                    defaultActions: [.fixedResponse(status: 218, contentType: nil, body: nil)]
                )
            ]
        )
        snapshot.apis["abc"] = HTTPAPI(id: "abc", name: "a", routes: [])
        snapshot.domains["api.shop.example"] = GatewayDomain(name: "api.shop.example")
        var settings = FunctionSettings(function: "f")
        settings.urls["live"] = FunctionURL(id: "u1", requiresSignature: false)
        snapshot.functionSettings["f"] = settings
        return snapshot
    }

    @Test("the door of a name decides on versions, ciphers and protocols")
    func connectionRules() throws {
        var snapshot = snapshot(distributions: 2)
        #expect(ConnectionRules(snapshot)[.distribution("E1")] == nil)
        #expect(ConnectionRules(snapshot)[.loadBalancer("arn")] == nil)
        snapshot.distributions["E1"]?.securityPolicy = "TLSv1.3_2025"
        snapshot.distributions["E2"]?.refusesHTTP2 = true
        snapshot.loadBalancers["arn"]?.listeners[0].isTLS = true
        let rules = ConnectionRules(snapshot)
        let strict = try #require(rules[.distribution("E1")])
        #expect(strict.profile?.minimumVersion == .tls13 && strict.applicationProtocols == nil)
        let plain = try #require(rules[.distribution("E2")])
        #expect(plain.profile == nil && plain.applicationProtocols == ["http/1.1"])
        let balancer = try #require(rules[.loadBalancer("arn")]?.profile)
        #expect(balancer.minimumVersion == .tls10 && balancer.maximumVersion == .tls12)
        snapshot.loadBalancers["arn"]?.listeners[0].securityPolicy =
            "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
        snapshot.loadBalancers["arn"]?.attributes["routing.http2.enabled"] = "false"
        let changed = try #require(ConnectionRules(snapshot)[.loadBalancer("arn")])
        #expect(changed.profile?.ciphers.count == 4)
        #expect(changed.applicationProtocols == ["http/1.1"])
    }

    @Test
    func hostNames() {
        let table = FrontDoorTable(snapshot(distributions: 2), edges: ["iad"])
        func key(_ host: String) -> DoorKey? {
            if case .door(let key) = table.destination(of: host) { key } else { nil }
        }
        #expect(key("e1.CloudFront.localhost:8443") == .distribution("E1"))
        #expect(key("E2.cloudfront.net") == .distribution("E2"))
        #expect(key("x.example.com") == .distribution("E1"))
        #expect(key("x.b.example.com") == .distribution("E2"))
        #expect(key("x.b.example.com.localhost") == .distribution("E2"))
        #expect(key("example.com") == nil)
        #expect(key("app.localhost") == .distribution("E1"))
        #expect(key("my-lb.elb.localhost") == .loadBalancer("arn"))
        #expect(key("my-lb-123.us-east-1.elb.amazonaws.com") == .loadBalancer("arn"))
        #expect(key("abc.execute-api.localhost") == .api("abc"))
        #expect(key("abc.execute-api.us-east-1.amazonaws.com") == .api("abc"))
        #expect(key("API.shop.example:443") == .domain("api.shop.example"))
        #expect(key("api.shop.example.localhost.") == .domain("api.shop.example"))
        #expect(key("u1.lambda-url.us-east-1.localhost:8443") == .functionURL("u1"))
        #expect(key("u1.lambda-url.us-east-1.on.aws") == .functionURL("u1"))
        #expect(table.destination(of: "localhost:8443") == .index)
        #expect(table.destination(of: "iad.edge.localhost") == .index)
        #expect(table.destination(of: "[::1]:8443") == .index)
        #expect(!table.serves("lhr.edge.localhost") && !table.serves("nobody.test"))
        let single = FrontDoorTable(snapshot(distributions: 1))
        #expect(single.destination(of: "127.0.0.1") == .door(.distribution("E1")))
    }

    @Test
    func edgesAndReloads() async {
        let first = SnapshotBox(snapshot(distributions: 2))
        let second = SnapshotBox(Snapshot())
        let invoker = ScriptedInvoker("{}")
        let doors = FrontDoors(
            edges: [
                EdgeNode(name: "iad", box: first, invoker: invoker, cacheBytes: 1 << 20),
                EdgeNode(name: "lhr", box: second, invoker: invoker, cacheBytes: 1 << 20),
            ],
            ports: DoorPorts(https: 8443, http: 8080)
        )
        let balancer = await ask(doors, get("/", host: "my-lb.elb.localhost:8443"))
        #expect(balancer.status == 218 && balancer.headers["x-portico-edge"] == "iad")
        let chosen = get(
            "/",
            host: "my-lb.elb.localhost",
            headers: ["X-Portico-Edge": "LHR"]
        )
        let before = await ask(doors, chosen)
        #expect(before.status == 403 && before.headers["x-portico-edge"] == "lhr")
        let lost = get("/", host: "my-lb.elb.localhost", headers: ["x-portico-edge": "xyz"])
        let nowhere = await ask(doors, lost)
        #expect(nowhere.status == 404 && nowhere.text.contains("iad, lhr"))
        second.swap(snapshot(distributions: 1))
        #expect(await ask(doors, chosen).status == 218)
        let page = await ask(doors, get("/", host: "localhost:8443"))
        #expect(page.status == 200)
        #expect(page.text.contains("<a href=\"https://my-lb.elb.localhost:8443/\">"))
    }

    @Test("the way of a reactor's last request is that of no other edge, host, snapshot or doors")
    func ways() async {
        func edge(_ name: String, _ box: SnapshotBox) -> EdgeNode {
            EdgeNode(name: name, box: box, invoker: ScriptedInvoker("{}"), cacheBytes: 1 << 20)
        }
        let ports = DoorPorts(https: 8443, http: 8080)
        let box = SnapshotBox(snapshot(distributions: 2))
        let empty = SnapshotBox(Snapshot())
        let doors = FrontDoors(edges: [edge("iad", box), edge("lhr", empty)], ports: ports)
        let others = FrontDoors(
            edges: [edge("fra", SnapshotBox(snapshot(distributions: 1)))],
            ports: ports
        )
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        let plain = get("/", host: "my-lb.elb.localhost")
        let chosen = get("/", host: "my-lb.elb.localhost", headers: ["X-Portico-Edge": "LHR"])
        for _ in 0..<2 {
            #expect(await ask(doors, plain, on: reactor).status == 218)
            #expect(await ask(doors, plain, on: reactor).headers["x-portico-edge"] == "iad")
            #expect(await ask(doors, chosen, on: reactor).headers["x-portico-edge"] == "lhr")
        }
        #expect(await ask(doors, get("/", host: "nobody.test"), on: reactor).status == 403)
        #expect(await ask(doors, plain, on: reactor).status == 218)
        #expect(await ask(others, plain, on: reactor).headers["x-portico-edge"] == nil)
        #expect(await ask(doors, plain, on: reactor).status == 218)
        box.swap(Snapshot())
        #expect(await ask(doors, plain, on: reactor).status == 403)
        #expect(await ask(others, plain, on: reactor).status == 218)
    }

    @Test
    func bucketNamesAndURLs() {
        #expect(DoorCompiler.bucket(in: "site.s3.amazonaws.com") == "site")
        #expect(DoorCompiler.bucket(in: "a.b.s3.eu-west-1.amazonaws.com") == "a.b")
        #expect(DoorCompiler.bucket(in: "site-s3.example.com") == nil)
        #expect(UpstreamURL("http://[::1]:3000/a?b")?.host == "::1")
        #expect(UpstreamURL("https://h")?.port == 443)
        #expect(UpstreamURL("ftp://h") == nil && UpstreamURL("http://:80") == nil)
    }
}
