import Edge
import HTTP
import JSON
import Model
import Testing

@Suite("Events")
struct EventTests {
    let distribution = Distribution(id: "E1EXAMPLE", origins: [], behaviors: [])

    @Test("the viewer-request event shows the request without hidden headers")
    func viewerRequestEvent() {
        let head = RequestHead(
            method: "POST",
            path: "/a",
            query: "x=1",
            headers: [
                "Host": "h", "accept": "a", "Accept": "b", "X-Amz-Cf-Id": "hidden",
                "Connection": "close",
            ]
        )
        let request = EventRequest(
            clientIP: "198.51.100.7",
            head: head,
            querystring: "x=1",
            body: EventBody(data: Array("x=1".utf8)[...], isTruncated: false)
        )
        let text = String(
            decoding: EdgeEvents.encode(
                .viewerRequest,
                distribution: distribution,
                requestID: "ID==",
                request: request
            ),
            as: UTF8.self
        )
        #expect(
            text
                == #"{"Records":[{"cf":{"config":{"distributionDomainName":"e1example.cloudfront.net","#
                + #""distributionId":"E1EXAMPLE","eventType":"viewer-request","requestId":"ID=="},"#
                + #""request":{"clientIp":"198.51.100.7","headers":{"host":[{"key":"Host","#
                + #""value":"h"}],"accept":[{"key":"accept","value":"a"},{"key":"Accept","#
                + #""value":"b"}]},"method":"POST","querystring":"x=1","uri":"/a","body":{"#
                + #""inputTruncated":false,"action":"read-only","encoding":"base64","data":"eD0x"}"#
                + #"}}}]}"#
        )
    }

    @Test("the origin-response event shows origin and response")
    func originResponseEvent() throws {
        var origin = Origin(id: "o", domainName: "o.example.net")
        origin.protocolPolicy = .httpsOnly
        origin.customHeaders = ["X-Key": "1"]
        let request = EventRequest(
            clientIP: "::1",
            head: RequestHead(method: "GET", path: "/"),
            querystring: "",
            origin: origin
        )
        let bytes = EdgeEvents.encode(
            .originResponse,
            distribution: distribution,
            requestID: "i",
            request: request,
            response: ResponseHead(status: 404, headers: ["Server": "s"])
        )
        let event = try JSONValue.parse(bytes[...])
        let record = event["Records"]?[0]?["cf"]
        #expect(
            record?["response"]?.text
                == #"{"headers":{"server":[{"key":"Server","value":"s"}]},"status":"404","statusDescription":"Not Found"}"#
        )
        #expect(
            record?["request"]?["origin"]?.text
                == #"{"custom":{"customHeaders":{"x-key":[{"key":"X-Key","value":"1"}]},"#
                + #""domainName":"o.example.net","keepaliveTimeout":5,"path":"","port":443,"#
                + #""protocol":"https","readTimeout":30,"responseCompletionTimeout":0,"#
                + #""sslProtocols":["TLSv1.2"]}}"#
        )
    }
}

@Suite("Path patterns")
struct PathPatternTests {
    @Test(
        "patterns match as the guide says",
        arguments: [
            ("images/*.jpg", "/images/x.jpg", true), ("images/*.jpg", "/images/p1/x.jpg", true),
            ("images/*.jpg", "/images/x.JPG", false), ("a??.jpg", "/ant.jpg", true),
            ("a??.jpg", "/a.jpg", false), ("*.doc*", "/x.doc", true), ("*.doc*", "/x.docm", true),
            ("*.doc?", "/x.doc", false), ("/*product.jpg", "/a/product.jpg", true),
            ("*product.jpg", "/product.jpg", true), ("/a/*", "/a", false), ("*", "/", true),
        ]
    )
    func vectors(_ pattern: String, _ path: String, _ matches: Bool) {
        #expect(PathPattern(pattern).matches(path) == matches)
    }

    @Test(
        "paths are normalised for matching",
        arguments: [
            ("/a/b/..", "/a/"), ("/b/../a/x", "/a/x"), ("//a/x", "/a/x"), ("/./a", "/a"),
            ("/../..", "/"), ("/a.b/c", "/a.b/c"), ("/a//", "/a/"),
            ("/a/\u{301}b/../c", "/a/c"),
        ]
    )
    func normalisation(_ path: String, _ wanted: String) {
        #expect(PathPattern.normalized(path) == wanted)
    }
}
