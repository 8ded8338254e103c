import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import FrontDoors

@Suite
struct BalancerForwardTests {
    private let forward = RuleAction.forward([.init(arn: "g")])

    @Test(
        "X-Forwarded-For follows the mode",
        arguments: [
            ("append", "false", nil, "203.0.113.7"),
            ("append", "false", "a", "a, 203.0.113.7"),
            ("append", "true", "a", "a, 203.0.113.7:5000"),
            ("preserve", "false", "a", "a"), ("preserve", "false", nil, nil),
            ("remove", "false", "a", nil),
        ]
    )
    func forwardedFor(_ mode: String, _ port: String, _ sent: String?, _ expected: String?) {
        var balancer = LoadBalancer(name: "lb", arn: "lb", listeners: [])
        balancer.attributes["routing.http.xff_header_processing.mode"] = mode
        balancer.attributes["routing.http.xff_client_port.enabled"] = port
        let forwarding = ForwardedHead(
            settings: BalancerSettings(balancer),
            listener: ListenerSettings(
                Model.Listener(arn: "", port: 80, isTLS: false, rules: [], defaultActions: [])
            ),
            viewer: Viewer(address: "203.0.113.7", port: 5000, isTLS: false, localPort: 8080),
            isTLS: false,
            port: 8080
        )
        var head = get("/")
        if let sent { head.headers.append("X-Forwarded-For", sent) }
        #expect(forwarding.make(head)?.headers["x-forwarded-for"] == expected)
    }

    @Test("fields about TLS are added, renamed, and invalid names are dropped when asked for")
    func addedFields() async throws {
        let server = try WebServer()
        let door = balancerDoor(
            [forward],
            groups: [addressGroup(server.port)],
            attributes: [
                "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true",
                "routing.http.drop_invalid_header_fields.enabled": "true",
            ]
        )
        let head = get("/", headers: ["X_Bad": "1", "X-Good": "1", "X-Amzn-Tls-Version": "fake"])
        _ = await ask(door, head, tls: ("TLSv1.3", "TLS_AES_128_GCM_SHA256"))
        let seen = try #require(server.last?.headers)
        #expect(seen["x-amzn-tls-version"] == "TLSv1.3")
        #expect(seen["x-amzn-tls-cipher-suite"] == "TLS_AES_128_GCM_SHA256")
        #expect(!seen.contains("x_bad") && seen["x-good"] == "1")
        #expect(seen["x-forwarded-port"] == "8443" && seen["x-forwarded-proto"] == "https")
        #expect(seen["x-amzn-trace-id"]?.hasPrefix("Root=1-") == true)
    }

    @Test(
        "transforms rewrite host and URL before the target is asked",
        arguments: [
            (
                RuleTransform.Kind.host, "^mywebsite-(.+).com$", "internal.dev.$1.myweb.com",
                "internal.dev.example.myweb.com", "/api/v1/users?x=1", 200
            ),
            (.url, #"^\/api\/(.+)$"#, "/$1", "mywebsite-example.com", "/v1/users?x=1", 200),
            (.url, "^/nothing$", "/other", "mywebsite-example.com", "/api/v1/users?x=1", 200),
            (.url, "^/api", "no slash", "", "", 500), (.host, ".+", "a b", "", "", 500),
        ]
    )
    func transforms(
        _ kind: RuleTransform.Kind,
        _ pattern: String,
        _ replacement: String,
        _ host: String,
        _ target: String,
        _ status: Int
    ) async throws {
        let server = try WebServer()
        var rule = ListenerRule(
            arn: "r",
            priority: 1,
            conditions: [.pathPattern(["/*"])],
            actions: [forward]
        )
        rule.transforms = [RuleTransform(kind: kind, pattern: pattern, replacement: replacement)]
        let door = balancerDoor(
            [],
            rules: [rule],
            groups: [addressGroup(server.port)],
            attributes: ["routing.http.preserve_host_header.enabled": "true"]
        )
        let answer = await ask(door, get("/api/v1/users?x=1", host: "mywebsite-example.com"))
        #expect(answer.status == status)
        if status == 200 {
            #expect(server.last?.headers["host"] == host)
            #expect(server.last?.target == target)
        }
    }

    private func cookies(_ answer: Answer) -> [String: String] {
        var found: [String: String] = [:]
        for line in answer.headers.all("set-cookie") {
            let pair = line.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1)
            found[String(pair[0])] = String(pair.count == 2 ? pair[1] : "")
        }
        return found
    }

    @Test("a viewer with AWSALB stays with its target, and with AWSALBTG with its group")
    func stickiness() async throws {
        let first = try WebServer()
        let second = try WebServer()
        var groups = [
            addressGroup(first.port, second.port, arn: "a"), addressGroup(second.port, arn: "b"),
        ]
        groups[0].attributes["stickiness.enabled"] = "true"
        let shares = [
            RuleAction.WeightedTargetGroup(arn: "a", weight: 1), .init(arn: "b", weight: 999),
        ]
        let state = DoorState()
        let door = balancerDoor(
            [.stickyForward(shares, seconds: 86_400)],
            groups: groups,
            state: state
        )
        let start = await ask(door, get("/"))
        let given = cookies(start)
        #expect(Set(given.keys) == ["AWSALBTG", "AWSALBTGCORS", "AWSALB", "AWSALBCORS"])
        let lines = start.headers.all("set-cookie")
        #expect(lines[0].contains("; Expires=") && lines[0].hasSuffix("; Path=/"))
        #expect(lines[1].hasSuffix("; Path=/; SameSite=None; Secure"))
        let target = first.requests.isEmpty ? second : first
        let before = target.requests.count
        let cookie = "AWSALBTG=\(given["AWSALBTG"] ?? ""); AWSALB=\(given["AWSALB"] ?? "")"
        for _ in 0..<3 { _ = await ask(door, get("/", headers: ["Cookie": cookie])) }
        #expect(target.requests.count == before + 3)
        let forged = await ask(door, get("/", headers: ["Cookie": "AWSALBTG=AAAA; AWSALB=x"]))
        #expect(forged.status == 200 && cookies(forged)["AWSALBTG"] != nil)
    }

    @Test("an application's cookie makes the viewer sticky, and only together with it")
    func applicationStickiness() async throws {
        let servers = try (0..<2).map { number in
            try WebServer { _, _ in
                var response = Response(status: 200, text: "\(number)")
                response.head.headers.append("Set-Cookie", "sid=\(number)")
                return response
            }
        }
        var group = addressGroup(servers[0].port, servers[1].port)
        group.attributes = [
            "stickiness.enabled": "true", "stickiness.type": "app_cookie",
            "stickiness.app_cookie.cookie_name": "sid",
        ]
        let door = balancerDoor([forward], groups: [group])
        let start = await ask(door, get("/"))
        let token = try #require(cookies(start)["AWSALBAPP-0"])
        for _ in 0..<3 {
            let cookie = "sid=x; AWSALBAPP-0=\(token)"
            #expect(await ask(door, get("/", headers: ["Cookie": cookie])).text == start.text)
        }
        let without: Headers = ["Cookie": "AWSALBAPP-0=\(token)"]
        let texts = [
            await ask(door, get("/", headers: without)).text,
            await ask(door, get("/", headers: without)).text,
        ]
        #expect(Set(texts) == ["0", "1"])
    }

    @Test("cookies are opaque, authenticated and expire")
    func cookieValues() {
        let cookies = StickyCookies()
        let ticket = StickyCookies.Ticket(group: "g", target: "h:1", issuedAt: 1000)
        let value = cookies.seal(ticket)
        #expect(cookies.open(value, lasting: 10, now: 5000) == ticket)
        #expect(cookies.open(value, lasting: 10, now: 12_000) == nil)
        #expect(StickyCookies().open(value, lasting: 10, now: 5000) == nil)
        #expect(cookies.open(String(value.reversed()), lasting: 10, now: 5000) == nil)
        #expect(cookies.seal(ticket) != value)
    }

    @Test("slow start gives a new target a share that grows")
    func slowStart() {
        var group = addressGroup(1, 2)
        group.attributes["slow_start.duration_seconds"] = "100"
        let settings = GroupSettings(group)
        let board = HealthBoard()
        let start = ContinuousClock.now
        board.record(.success, of: group.targets[0], in: group, at: start)
        board.record(.success, of: group.targets[1], in: group, at: start)
        func share(at seconds: Int) -> Int {
            (0..<100).filter { _ in
                board.next(in: group, settings, at: start + .seconds(seconds)) == group.targets[1]
            }.count
        }
        let early = share(at: 10)
        #expect((5...15).contains(early))
        #expect((30...36).contains(share(at: 50)))
        #expect((49...51).contains(share(at: 101)))
    }

    @Test("least outstanding requests picks the idlest target")
    func leastOutstanding() {
        var group = addressGroup(1, 2, 3)
        group.attributes["load_balancing.algorithm.type"] = "least_outstanding_requests"
        let board = HealthBoard()
        board.began(group.targets[0], in: "g")
        board.began(group.targets[1], in: "g")
        #expect((0..<4).allSatisfy { _ in board.next(in: group) == group.targets[2] })
        board.ended(group.targets[0], in: "g")
        #expect(
            Set((0..<4).map { _ in board.next(in: group) })
                == [group.targets[0], group.targets[2]]
        )
    }

    @Test("too few healthy targets by count or share open the group to all")
    func minimumHealthy() {
        var group = addressGroup(1, 2, 3, 4)
        let board = HealthBoard()
        for target in group.targets.prefix(2) { board.record(.success, of: target, in: group) }
        func picked() -> Int { Set((0..<8).map { _ in board.next(in: group) }).count }
        let prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
        #expect(picked() == 2)
        group.attributes[prefix + "count"] = "3"
        #expect(picked() == 4)
        group.attributes = [prefix + "percentage": "50"]
        #expect(picked() == 2)
        group.attributes = [prefix + "percentage": "51"]
        #expect(picked() == 4)
    }

    @Test("a check asks as the real one does and knows why it failed")
    func healthChecks() async throws {
        let server = try WebServer { head, _ in
            Response(status: head.path == "/bad" ? 503 : 200, text: "")
        }
        var group = addressGroup(server.port)
        group.healthCheck.path = "/ok?a=1"
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        func check(_ group: TargetGroup, port: Int) async -> CheckOutcome {
            await withCheckedContinuation { continuation in
                reactor.submit {
                    let context = ReactorContext.make(reactor: reactor)
                    continuation.resume(
                        returning: await HealthChecker.ask(
                            group,
                            host: "127.0.0.1",
                            port: port,
                            context
                        )
                    )
                }
            }
        }
        #expect(await check(group, port: server.port) == .success)
        let seen = try #require(server.last)
        #expect(seen.target == "/ok?a=1")
        #expect(seen.headers["user-agent"] == "ELB-HealthChecker/2.0")
        #expect(seen.headers["host"] == "127.0.0.1:\(server.port)")
        group.healthCheck.path = "/bad"
        #expect(await check(group, port: server.port) == .mismatch(503))
        #expect(await check(group, port: 1) == .failed)
        var calls = group
        calls.version = .grpc
        calls.healthCheck = .grpc
        // The answer has no code of gRPC's: unknown.
        #expect(await check(calls, port: server.port) == .mismatch(2))
        #expect(server.last?.method == "POST" && server.last?.version == .http2)
        #expect(server.last?.path == "/AWS.ALB/healthcheck")
        calls.healthCheck.matcher = "0-12"
        #expect(await check(calls, port: server.port) == .success)
        var health = TargetHealth()
        for _ in 0..<2 { health.record(.mismatch(503), check: group.healthCheck) }
        #expect(health.reason?.text == "Health checks failed with these codes: [503]")
        let invoker = ScriptedInvoker(#"{"statusCode":204}"#)
        group.healthCheck.matcher = "200-299"
        #expect(await HealthChecker.ask(group, function: "f:1", invoker) == .success)
        #expect(invoker.event?["path"]?.string == "/bad")
        #expect(invoker.event?["headers"] == ["user-agent": "ELB-HealthChecker/2.0"])
    }

    @Test("an access log line has its 33 columns in the bucket's folder")
    func accessLog() async throws {
        let server = try WebServer()
        let folder = NSTemporaryDirectory() + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let door = balancerDoor(
            [forward],
            groups: [addressGroup(server.port)],
            attributes: [
                "access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs",
                "access_logs.s3.prefix": "p",
            ],
            buckets: ["logs": folder]
        )
        let head = get("/a?b", host: "h", headers: ["User-Agent": "say \"hi\""])
        #expect(await ask(door, head).status == 200)
        let files = try #require(FileManager.default.enumerator(atPath: folder)).allObjects
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".log") }
        let path = try #require(files.first)
        #expect(path.hasPrefix("p/AWSLogs/123456789012/elasticloadbalancing/us-east-1/"))
        #expect(path.contains("_app.lb.1_"))
        let line = try String(contentsOfFile: folder + "/" + path, encoding: .utf8)
        let columns = Self.columns(line)
        #expect(columns.count == 33)
        #expect(columns[0] == "https" && columns[2] == "app/lb/1")
        #expect(columns[3] == "203.0.113.7:5000" && columns[4] == "127.0.0.1:\(server.port)")
        #expect(columns[8] == "200" && columns[9] == "200")
        #expect(columns[12] == "GET https://h:8443/a?b HTTP/1.1")
        #expect(columns[13] == "say \\x22hi\\x22" && columns[16] == "g" && columns[20] == "0")
        #expect(columns[22] == "forward" && columns[27] == "-")
    }

    private static func columns(_ line: String) -> [String] {
        var columns: [String] = []
        var current = ""
        var isQuoted = false
        for character in line where character != "\n" {
            switch character {
            case "\"": isQuoted.toggle()
            case " " where !isQuoted:
                columns.append(current)
                current = ""
            default: current.append(character)
            }
        }
        return columns + [current]
    }
}
