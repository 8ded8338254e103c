import Testing

@testable import Model

@Suite("Function permissions")
struct FunctionPermissionTests {
    private func snapshot(_ edit: (inout FunctionPermission) -> Void = { _ in }) -> Snapshot {
        var statement = FunctionPermission(
            function: "f",
            qualifier: "live",
            statementID: "s",
            action: "lambda:InvokeFunction",
            principal: "apigateway.amazonaws.com"
        )
        edit(&statement)
        return Snapshot().applying([.put(.permission(statement))], revision: 1)
    }

    private let call = FunctionCall.api("abc", stage: "$default", method: "GET", path: "/pets/{id}")

    @Test(
        "a statement covers exactly its function, version or alias",
        arguments: [
            ("f:live", true), ("f", false), ("f:1", false), ("g:live", false),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:live", true), ("f:$LATEST", false),
        ]
    )
    func qualifiers(reference: String, isPermitted: Bool) {
        #expect(snapshot().permits(call, toInvoke: reference) == isPermitted)
    }

    @Test(
        "a source ARN is matched with wildcards, part by part",
        arguments: [
            ("arn:aws:execute-api:us-east-1:123456789012:abc/*/GET/pets/*", true),
            ("arn:aws:execute-api:us-east-1:123456789012:abc/*/*/pets/{id}", true),
            ("arn:aws:execute-api:us-east-1:123456789012:abc/$default/GET/pets/????", true),
            ("arn:aws:execute-api:*:123456789012:*", true),
            ("arn:aws:execute-api:us-east-1:123456789012:abc/*/POST/pets/*", false),
            ("arn:aws:execute-api:us-east-1:123456789012:abd/*", false),
            ("arn:aws:s3:::abc", false), ("*", true), ("arn:*", false),
        ]
    )
    func sources(pattern: String, isPermitted: Bool) {
        let snapshot = snapshot { $0.sourceARN = pattern }
        #expect(snapshot.permits(call, toInvoke: "f:live") == isPermitted)
    }

    @Test("each condition must hold")
    func conditions() {
        #expect(!snapshot { $0.sourceAccount = "999999999999" }.permits(call, toInvoke: "f:live"))
        #expect(
            snapshot { $0.sourceAccount = FunctionARN.account }.permits(call, toInvoke: "f:live")
        )
        #expect(!snapshot { $0.principalOrgID = "o-1" }.permits(call, toInvoke: "f:live"))
        #expect(!snapshot { $0.functionURLAuthType = "NONE" }.permits(call, toInvoke: "f:live"))
        #expect(
            !snapshot { $0.action = "lambda:InvokeFunctionUrl" }.permits(call, toInvoke: "f:live")
        )
        #expect(snapshot { $0.action = "lambda:*" }.permits(call, toInvoke: "f:live"))
        #expect(!snapshot { $0.principal = "sns.amazonaws.com" }.permits(call, toInvoke: "f:live"))
        #expect(snapshot { $0.principal = "*" }.permits(call, toInvoke: "f:live"))
    }

    @Test("a deleted statement no longer counts")
    func deletion() throws {
        let given = snapshot()
        let key = try #require(given.resources.first?.key)
        let next = given.applying([.delete(key)], revision: 2)
        #expect(!next.permits(call, toInvoke: "f:live"))
        #expect(next.permissions.isEmpty && next.resources.isEmpty)
    }

    @Test("an unqualified reference means the highest version, also after deletions")
    func latest() {
        func version(_ number: Int) -> Resource {
            .function(
                FunctionVersion(
                    name: "f",
                    version: number,
                    runtime: "nodejs22.x",
                    handler: "i.h",
                    codeDigest: "0"
                )
            )
        }
        var snapshot = Snapshot()
            .applying([.put(version(2)), .put(version(10)), .put(version(9))], revision: 1)
        #expect(snapshot.resolve(function: "f") == "f:10")
        #expect(snapshot.resolve(function: "f:$LATEST") == "f:10")
        snapshot = snapshot.applying([.delete("function/f:10")], revision: 2)
        #expect(snapshot.resolve(function: "f") == "f:9")
        #expect(snapshot.resolve(function: "g") == nil)
    }
}
