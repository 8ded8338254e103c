import DataPlane
import Edge
import Glibc
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

/// Origins of this process that only answer to who signs.
@Suite("Origins behind an access control")
struct AccessControlTests {
    private static func doors(_ snapshot: Snapshot, _ invoker: ScriptedInvoker) -> FrontDoors {
        FrontDoors(
            edges: [
                EdgeNode(
                    name: "iad",
                    box: SnapshotBox(snapshot),
                    invoker: invoker,
                    cacheBytes: 1 << 20
                )
            ],
            ports: DoorPorts(https: 8443, http: 8080)
        )
    }

    private static func distribution(_ id: String, _ origin: Origin) -> Distribution {
        var behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: "o",
            cachePolicy: .cachingDisabled
        )
        behavior.allowedMethods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        behavior.originRequestPolicy =
            ManagedPolicies.originRequest["b689b0a8-53d0-40ab-baf2-68738e2966ac"]
        return Distribution(id: id, origins: [origin], behaviors: [behavior])
    }

    private static func control(
        _ id: String,
        _ type: OriginAccessControl.OriginType,
        _ behavior: OriginAccessControl.SigningBehavior = .always
    ) -> OriginAccessControl {
        OriginAccessControl(id: id, name: id, originType: type, signingBehavior: behavior)
    }

    @Test("a bucket that an access control names refuses who does not sign")
    func bucket() async throws {
        var template = Array("/tmp/doors-bucket-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        let file = try #require(fopen(folder + "/a.txt", "w"))
        fputs("kept", file)
        fclose(file)
        defer {
            unlink(folder + "/a.txt")
            rmdir(folder)
        }
        var snapshot = Snapshot()
        snapshot.buckets["b"] = folder
        var origin = Origin(id: "o", domainName: "b.s3.amazonaws.com")
        origin.isS3 = true
        snapshot.distributions["E1"] = Self.distribution("E1", origin)
        let invoker = ScriptedInvoker("{}")
        func ask(_ id: String, _ headers: Headers = [:]) async -> Answer {
            await FrontDoorsTests.ask(
                Self.doors(snapshot, invoker),
                get("/a.txt", host: "\(id).cloudfront.localhost", headers: headers)
            )
        }
        // Nobody named it with an access control: it is public.
        #expect(await ask("e1").text == "kept")
        for (id, behavior) in [
            ("E2", OriginAccessControl.SigningBehavior.always), ("E3", .never), ("E4", .noOverride),
        ] {
            snapshot.originAccessControls["C" + id] = Self.control("C" + id, .s3, behavior)
            origin.originAccessControlID = "C" + id
            snapshot.distributions[id] = Self.distribution(id, origin)
        }
        #expect(await ask("e2").text == "kept")
        for id in ["e1", "e3"] {
            let refused = await ask(id)
            #expect(refused.status == 403 && refused.headers["content-type"] == "application/xml")
            #expect(refused.text.contains("<Code>AccessDenied</Code>"))
        }
        #expect(await ask("e4").text == "kept")
        // Its own signature, which nobody here can check beyond its form, stays with no-override.
        let own = await ask("e4", ["Authorization": "Basic x"])
        #expect(own.status == 403)
        #expect(await ask("e2", ["Authorization": "Basic x"]).text == "kept")
    }

    @Test(
        "a bucket's policy says whether what is missing is 404 or 403",
        arguments: [
            (String?.none, 403), ("{}", 403),
            (#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}"#, 403),
            (#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:List*"]}]}"#, 404),
            (
                #"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:role/r"},"Action":"s3:*"}}"#,
                403
            ),
            (
                #"{"Statement":{"Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:ListBucket"}}"#,
                404
            ),
            (
                #"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket"}]}"#,
                403
            ),
        ]
    )
    func listing(policy: String?, status: Int) async throws {
        var template = Array("/tmp/doors-bucket-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { rmdir(folder) }
        var snapshot = Snapshot()
        snapshot.buckets["b"] = folder
        snapshot.records[BucketPolicyRecord.key("b")] = policy
        var origin = Origin(id: "o", domainName: "b.s3.amazonaws.com")
        origin.isS3 = true
        origin.originAccessControlID = "C"
        snapshot.originAccessControls["C"] = Self.control("C", .s3)
        snapshot.distributions["E1"] = Self.distribution("E1", origin)
        let answer = await FrontDoorsTests.ask(
            Self.doors(snapshot, ScriptedInvoker("{}")),
            get("/none.txt", host: "e1.cloudfront.localhost")
        )
        #expect(answer.status == status)
    }

    private static func functionURL(
        _ behavior: OriginAccessControl.SigningBehavior,
        permission: Bool = true
    ) -> Snapshot {
        var snapshot = functionSnapshot()
        var settings = FunctionSettings(function: "f")
        settings.urls["$LATEST"] = FunctionURL(id: "u1", requiresSignature: true)
        snapshot.functionSettings["f"] = settings
        snapshot.permissions = [:]
        if permission {
            for action in ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"] {
                var statement = FunctionPermission(
                    function: "f",
                    qualifier: "",
                    statementID: action.split(separator: ":").joined(),
                    action: action,
                    principal: "cloudfront.amazonaws.com"
                )
                statement.sourceARN = "arn:aws:cloudfront::123456789012:distribution/E1"
                snapshot = snapshot.applying([.put(.permission(statement))], revision: 1)
            }
        }
        snapshot.originAccessControls["C1"] = control("C1", .lambda, behavior)
        var origin = Origin(id: "o", domainName: "u1.lambda-url.us-east-1.localhost")
        origin.originAccessControlID = "C1"
        snapshot.distributions["E1"] = distribution("E1", origin)
        snapshot.distributions["E2"] = distribution("E2", origin)
        return snapshot
    }

    private static func call(
        _ snapshot: Snapshot,
        _ invoker: ScriptedInvoker,
        id: String = "e1",
        method: String = "GET",
        headers: Headers = [:],
        body: String = ""
    ) async -> Answer {
        await ask(
            doors(snapshot, invoker),
            get("/x%20y?q=1", method: method, host: "\(id).cloudfront.localhost", headers: headers),
            body: body
        )
    }

    @Test("a function's URL with AWS_IAM takes what an access control signed")
    func function() async throws {
        let invoker = ScriptedInvoker(#""hello""#)
        let answer = await Self.call(Self.functionURL(.always), invoker)
        #expect(answer.status == 200 && answer.text == "hello")
        #expect(invoker.event?["requestContext"]?["authorizer"]?["iam"] != nil)
        let unsigned = await Self.call(Self.functionURL(.never), invoker)
        #expect(unsigned.status == 403)
        let other = await Self.call(Self.functionURL(.always), invoker, id: "e2")
        #expect(other.status == 403)
        let closed = await Self.call(Self.functionURL(.always, permission: false), invoker)
        #expect(closed.status == 403)
        #expect(invoker.invocations.count == 1)
    }

    @Test("a function's URL wants the digest of content from the viewer")
    func content() async throws {
        let invoker = ScriptedInvoker(#""hello""#)
        let snapshot = Self.functionURL(.always)
        let unknown = await Self.call(snapshot, invoker, method: "POST", body: "x")
        #expect(unknown.status == 403)
        #expect(unknown.headers["x-amzn-errortype"] == "InvalidSignatureException")
        let digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        let known = await Self.call(
            snapshot,
            invoker,
            method: "POST",
            headers: ["X-Amz-Content-Sha256": digest],
            body: "x"
        )
        #expect(known.status == 200)
    }
}
