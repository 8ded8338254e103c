import Crypto
import HTTP
import Testing

@testable import Executor

@Suite("Checking signatures")
struct RequestVerifierTests {
    /// 2015-08-30T12:36:00Z.
    private static let moment: Int64 = 1_440_938_160
    private static let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    private let verifier = RequestVerifier(
        SigningKeys(secrets: ["AKIDEXAMPLE": secret, "TEMP": secret], tokens: ["TEMP": "token"])
    )

    /// A request as AWS's clients sign it.
    private func signed(
        body: String = "{}",
        key: String = "AKIDEXAMPLE",
        secret: String = secret,
        service: String = "lambda",
        token: String? = nil
    ) -> RequestHead {
        var fields = [("host", "127.0.0.1:4566"), ("x-amz-date", "20150830T123600Z")]
        if let token { fields.append(("x-amz-security-token", token)) }
        let path =
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af/invocations"
        let signature = RequestSignature(
            method: "POST",
            path: path,
            query: "Qualifier=%24LATEST",
            headers: fields.map { (name: $0.0, value: $0.1) },
            payloadHash: Digest.hex(Digest.sha256(body)),
            timestamp: "20150830T123600Z",
            scope: RequestSignature.Scope(date: "20150830", region: "us-east-1", service: service)
        )
        var headers = Headers()
        for (name, value) in fields { headers.append(name, value) }
        headers.append(
            "Authorization",
            signature.authorization(accessKey: key, secretKey: secret)
        )
        return RequestHead(
            method: "POST",
            path: path,
            query: "Qualifier=%24LATEST",
            headers: headers
        )
    }

    private func refusal(
        _ head: RequestHead,
        body: String = "{}",
        after seconds: Int64 = 0
    ) -> RequestVerifier.Refusal? {
        verifier.refusal(
            of: head,
            body: Array(body.utf8)[...],
            service: "lambda",
            now: Self.moment + seconds
        )
    }

    @Test("a right signature passes, with and without a session token")
    func right() {
        #expect(refusal(signed()) == nil)
        #expect(refusal(signed(), after: 299) == nil)
        #expect(refusal(signed(key: "TEMP", token: "token")) == nil)
        #expect(refusal(signed(key: "TEMP", token: "other")) == .wrongToken)
        #expect(refusal(signed(key: "TEMP")) == .wrongToken)
        let own = FunctionCredentials()
        let function = signed(
            key: own.accessKey,
            secret: own.secretKey,
            token: own.sessionToken
        )
        #expect(refusal(function) == nil)
    }

    @Test("anything that was changed after signing is found out")
    func changed() {
        #expect(refusal(signed(), body: "{ }") == .mismatch)
        #expect(refusal(signed(secret: "wrong")) == .mismatch)
        var head = signed()
        head.query = "Qualifier=1"
        #expect(refusal(head) == .mismatch)
        head = signed()
        head.method = "GET"
        #expect(refusal(head) == .mismatch)
        head = signed()
        head.headers.set("host", "localhost:4566")
        #expect(refusal(head) == .mismatch)
        head = signed()
        head.headers.set("x-amz-content-sha256", Digest.hex(Digest.sha256("other")))
        #expect(refusal(head) == .mismatch)
    }

    @Test("keys, services and times that are not right are refused in AWS's words")
    func refused() {
        #expect(refusal(signed(key: "OTHER")) == .unknownKey)
        #expect(refusal(signed(service: "s3")) == .wrongService("lambda"))
        #expect(
            refusal(signed(), after: 301)
                == .outOfTime(
                    "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
                        + "(20150830T124101Z - 5 min.)"
                )
        )
        #expect(
            refusal(signed(), after: -301)
                == .outOfTime(
                    "Signature not yet current: 20150830T123600Z is still later than "
                        + "20150830T123559Z (20150830T123059Z + 5 min.)"
                )
        )
        #expect(refusal(RequestHead(method: "GET", path: "/")) == .missing)
        var head = RequestHead(method: "GET", path: "/", headers: ["Authorization": "Bearer x"])
        #expect(refusal(head) == .incomplete("Unsupported AWS 'algorithm': 'Bearer'."))
        head.headers.set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b")
        guard case .incomplete(let text)? = refusal(head) else {
            Issue.record("it was not refused")
            return
        }
        #expect(text.hasPrefix("Authorization header requires 'Signature' parameter. "))
    }

    @Test("a presigned query passes as long as it lives")
    func presigned() {
        var head = RequestHead(
            method: "GET",
            path: "/2015-03-31/functions/f",
            headers: ["Host": "127.0.0.1:4566"]
        )
        head.query =
            "x=y%20z&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830"
            + "%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60"
            + "&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2Fabc%3D%3D"
            + "&X-Amz-Signature=735f25f75e1a7bc909c3720dbb44541542304099581a6600c3d2e1a0cf440863"
        #expect(refusal(head, body: "") == nil)
        #expect(refusal(head, body: "", after: 60) == nil)
        #expect(refusal(head, body: "", after: 61) == .expired)
        head.query = head.query?.replacing("x=y", with: "x=z")
        #expect(refusal(head, body: "") == .mismatch)
        head.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        guard case .incomplete? = refusal(head, body: "") else {
            Issue.record("it was not refused")
            return
        }
    }
}
