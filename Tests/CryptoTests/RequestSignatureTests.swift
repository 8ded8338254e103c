import Testing

@testable import Crypto

/// The first vector is AWS's own (`get-vanilla`), the others are what AWS's clients sign.
@Suite("Signature Version 4")
struct RequestSignatureTests {
    private static let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    private static let time = "20150830T123600Z"
    private static let empty = Digest.hex(Digest.sha256(""))

    private func signed(
        _ method: String = "GET",
        _ path: String,
        query: String = "",
        host: String,
        service: String = "service",
        more: [(name: String, value: String)] = [],
        hash: String = empty
    ) -> RequestSignature {
        RequestSignature(
            method: method,
            path: path,
            query: query,
            headers: [("Host", host), ("X-Amz-Date", Self.time)] + more,
            payloadHash: hash,
            timestamp: Self.time,
            scope: RequestSignature.Scope(date: "20150830", region: "us-east-1", service: service)
        )
    }

    @Test("a plain request has AWS's own signature")
    func vanilla() {
        let request = signed("GET", "/", host: "example.amazonaws.com")
        #expect(
            request.authorization(accessKey: "AKIDEXAMPLE", secretKey: Self.secret)
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=host;x-amz-date, "
                + "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        )
    }

    @Test("the query is sorted, with empty values and escapes")
    func query() {
        let request = signed(
            "GET",
            "/",
            query: "Param2=value2&Param1=value1&empty=&b=%20x",
            host: "example.amazonaws.com"
        )
        #expect(
            request.signature(secretKey: Self.secret)
                == "345582eee6a2cba0fa702e680b16eff7b21775cfd74221248ffe89a28755e843"
        )
    }

    @Test("an encoded path is encoded once more")
    func path() {
        let request = signed(
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/configuration",
            query: "Qualifier=%24LATEST",
            host: "127.0.0.1:4566",
            service: "lambda"
        )
        #expect(
            request.signature(secretKey: Self.secret)
                == "457ee4faa3bfd9013064fa01ebede3bbdfd484fe100fb075cb94a3d191094fc6"
        )
    }

    @Test("a body and further fields are signed")
    func body() {
        let request = signed(
            "POST",
            "/",
            host: "sqs.us-east-1.amazonaws.com",
            service: "sqs",
            more: [
                ("Content-Type", "application/x-amz-json-1.0"),
                ("X-Amz-Target", "AmazonSQS.SendMessage"), ("X-Amz-Security-Token", "TOKEN/abc=="),
            ],
            hash: Digest.hex(Digest.sha256(#"{"a":1}"#))
        )
        #expect(
            request.signedHeaders
                == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
        )
        #expect(
            request.signature(secretKey: Self.secret)
                == "efeff6b1341e3e710803e713e8b4dfcf664cb960ec92613ece546913865c04d3"
        )
    }

    @Test("a presigned query leaves its signature out")
    func presigned() {
        var request = signed("GET", "/2015-03-31/functions/f", host: "", service: "lambda")
        request.headers = [("host", "127.0.0.1:4566")]
        request.query =
            "x=y%20z&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830"
            + "%2Fus-east-1%2Flambda%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60"
            + "&X-Amz-SignedHeaders=host&X-Amz-Security-Token=TOKEN%2Fabc%3D%3D&X-Amz-Signature=00"
        #expect(
            request.signature(secretKey: Self.secret)
                == "735f25f75e1a7bc909c3720dbb44541542304099581a6600c3d2e1a0cf440863"
        )
    }

    @Test("S3 takes the path as it is")
    func objects() {
        let hash = Digest.hex(Digest.sha256("{}"))
        let request = signed(
            "PUT",
            "/bucket/aws/lambda/a%20b%2Bc.json",
            host: "127.0.0.1:5000",
            service: "s3",
            more: [("X-Amz-Content-SHA256", hash)],
            hash: hash
        )
        #expect(
            request.signature(secretKey: Self.secret)
                == "010925e1f954d79fd0a2a663de4fced0d60a01bc364ae262374c8cdab4dd9a72"
        )
    }

    @Test("dot segments and doubled slashes are resolved, values of fields squeezed")
    func normal() {
        var request = signed("GET", "/a/./b/../c//d/", host: "h")
        request.headers = [("X-B", "  a   b "), ("x-a", "1"), ("X-A", "2")]
        let lines = request.canonicalRequest.split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        #expect(lines[1] == "/a/c/d/")
        #expect(lines[3] == "x-a:1,2")
        #expect(lines[4] == "x-b:a b")
    }
}
