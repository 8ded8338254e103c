import Edge
import HTTP
import JSON
import Model
import Testing

@Suite("Results of functions")
struct ResultTests {
    private func request(
        _ json: String,
        event: EdgeEvent = .viewerRequest
    ) throws(EdgeViolation) -> RequestHookResult {
        let head = RequestHead(
            method: "GET",
            path: "/a",
            headers: ["Host": "h", "Via": "1.1 v", "Upgrade": "hidden"]
        )
        let origin = event == .originRequest ? Origin(id: "o", domainName: "old.example") : nil
        let sent = EventRequest(clientIP: "1.2.3.4", head: head, querystring: "", origin: origin)
        return try EdgeResults.decodeRequest(Array(json.utf8)[...], event: event, sent: sent)
    }

    private func rule(_ json: String, event: EdgeEvent = .viewerRequest) -> EdgeRule? {
        do throws(EdgeViolation) {
            _ = try request(json, event: event)
            return nil
        } catch {
            return error.rule
        }
    }

    private func responseRule(
        _ json: String,
        event: EdgeEvent = .viewerResponse
    ) -> EdgeRule? {
        let sent = ResponseHead(status: 200, headers: ["Via": "v", "X-A": "1"])
        do throws(EdgeViolation) {
            _ = try EdgeResults.decodeResponse(Array(json.utf8)[...], event: event, sent: sent)
            return nil
        } catch {
            return error.rule
        }
    }

    static let fixed = #""host":[{"value":"h"}],"via":[{"value":"1.1 v"}]"#

    @Test("a changed request is taken over")
    func changedRequest() throws {
        let json =
            #"{"method":"GET","clientIp":"1.2.3.4","uri":"/b","querystring":"q=1","headers":{"#
            + Self.fixed + #","x-new-one":[{"value":"1"},{"key":"X-NEW-one","value":["2","3"]}]}}"#
        guard case .request(let result) = try request(json) else {
            Issue.record("not a request")
            return
        }
        #expect(result.path == "/b")
        #expect(result.querystring == "q=1")
        #expect(
            result.headers == [
                "Host": "h", "Via": "1.1 v", "Upgrade": "hidden", "X-New-One": "1",
                "X-NEW-one": "2", "X-NEW-one": "3",
            ]
        )
        #expect(result.body == nil)
    }

    @Test(
        "a request that breaks a rule names it",
        arguments: [
            ("null", EdgeRule.resultNotObject), ("1", .resultNotObject), ("{", .resultNotObject),
            (#"{"statusCode":200,"body":{}}"#, .invalidBody),
            (#"{"statusCode":200,"body":"x"}"#, .invalidBody),
            (#"{"uri":"/a","headers":{"via":[{"value":"1.1 v"}]}}"#, .readOnlyHeader),
            (
                #"{"uri":"/a","headers":{"host":[{"value":"x"}],"via":[{"value":"1.1 v"}]}}"#,
                .readOnlyHeader
            ),
            (#"{"uri":"/a","headers":{\#(fixed),"x-cache":[{"value":"x"}]}}"#, .disallowedHeader),
            (#"{"uri":"/a","headers":{\#(fixed),"X-Edge-y":[{"value":"x"}]}}"#, .disallowedHeader),
            (#"{"uri":"/a","headers":{\#(fixed),"a":"x"}}"#, .headerEntryNotArray),
            (#"{"uri":"/a","headers":{\#(fixed),"a":[{"value":1}]}}"#, .headerValueNotText),
            (#"{"uri":"/a","headers":{\#(fixed),"a":[{"value":"x\ry"}]}}"#, .invalidHeaderValue),
            (#"{"uri":"/a","headers":{\#(fixed),"a b":[{"value":"x"}]}}"#, .invalidHeaderName),
            (
                #"{"uri":"/a","headers":{\#(fixed),"a":[{"key":"b","value":"x"}]}}"#,
                .invalidHeaderName
            ),
            (#"{"uri":"/a","method":"PUT","headers":{\#(fixed)}}"#, .readOnlyField),
            (#"{"uri":"a","headers":{\#(fixed)}}"#, .invalidURI),
            (#"{"headers":{\#(fixed)}}"#, .invalidURI),
            (#"{"uri":"/a","querystring":"a b","headers":{\#(fixed)}}"#, .invalidQueryString),
            (#"{"uri":"/a","body":"x","headers":{\#(fixed)}}"#, .invalidBody),
            (
                #"{"uri":"/a","body":{"action":"replace","data":"%%%"},"headers":{\#(fixed)}}"#,
                .invalidBodyEncoding
            ),
            (#"{"status":200}"#, .invalidStatus), (#"{"status":"199"}"#, .invalidStatus),
            (#"{"status":"600"}"#, .invalidStatus),
            (#"{"status":"204","body":"x"}"#, .statusWithoutBody),
            (#"{"status":"200","body":{}}"#, .invalidBody),
            (#"{"status":"200","body":"x","bodyEncoding":"hex"}"#, .invalidBodyEncoding),
            (#"{"status":"200","headers":{"via":[{"value":"x"}]}}"#, .readOnlyHeader),
            (#"{"status":"200","headers":{"connection":[{"value":"x"}]}}"#, .disallowedHeader),
        ]
    )
    func breakingRequests(_ json: String, _ wanted: EdgeRule) {
        #expect(rule(json) == wanted)
    }

    @Test("Host may change towards the origin, Via may not go")
    func hostMayChangeTowardsTheOrigin() {
        let json = #"{"uri":"/a","headers":{"host":[{"value":"x"}],"via":[{"value":"1.1 v"}]}}"#
        #expect(rule(json, event: .originRequest) == nil)
        let deleted = #"{"uri":"/a","headers":{"host":[{"value":"h"}]}}"#
        #expect(rule(deleted, event: .originRequest) == .readOnlyHeader)
    }

    @Test("sizes are bounded to the byte")
    func sizes() {
        let headers = #","headers":{\#(Self.fixed)}"#
        func generated(_ count: Int) -> String {
            #"{"status":"200","body":"\#(String(repeating: "x", count: count))"}"#
        }
        #expect(rule(generated(40 << 10)) == nil)
        #expect(rule(generated(40 << 10 + 1)) == .responseTooLarge)
        #expect(rule(generated(1 << 20), event: .originRequest) == nil)
        #expect(rule(generated(1 << 20 + 1), event: .originRequest) == .responseTooLarge)
        func replaced(_ count: Int) -> String {
            let data = String(repeating: "x", count: count)
            return #"{"uri":"/a","body":{"action":"replace","encoding":"text","data":"\#(data)"}"#
                + headers + "}"
        }
        #expect(rule(replaced(40 << 10)) == nil)
        #expect(rule(replaced(40 << 10 + 1)) == .invalidBody)
        let long = String(repeating: "a", count: 8191)
        #expect(rule(#"{"uri":"/\#(long)"\#(headers)}"#) == .requestTooLong)
        #expect(rule(#"{"uri":"/\#(long.dropFirst())"\#(headers)}"#) == nil)
    }

    @Test("a generated response is taken over")
    func generatedResponse() throws {
        let json =
            #"{"status":"302","statusDescription":"Found","headers":{"location":[{"value":"/x"}],"#
            + #""set-cookie":[{"value":"a=1"},{"value":"b=2"}]},"body":"aGk=","bodyEncoding":"base64"}"#
        guard case .response(let response) = try request(json) else {
            Issue.record("not a response")
            return
        }
        #expect(response.head.status == 302)
        #expect(
            response.head.headers == ["Location": "/x", "Set-Cookie": "a=1", "Set-Cookie": "b=2"]
        )
        #expect(Array(response.body) == Array("hi".utf8))
    }

    private func withOrigin(_ origin: String) -> String {
        #"{"uri":"/a","headers":{\#(Self.fixed)},"origin":\#(origin)}"#
    }

    @Test("a changed origin is taken over")
    func changedOrigin() throws {
        let json = withOrigin(
            #"{"custom":{"domainName":"new.example","path":"/p","port":8443,"protocol":"https","#
                + #""readTimeout":5,"keepaliveTimeout":4,"sslProtocols":["TLSv1.2"],"#
                + #""customHeaders":{"x-a":[{"key":"X-A","value":"1"}]}}}"#
        )
        guard case .request(let result) = try request(json, event: .originRequest) else {
            Issue.record("not a request")
            return
        }
        #expect(result.origin?.domainName == "new.example")
        #expect(result.origin?.httpsPort == 8443)
        #expect(result.origin?.protocolPolicy == .httpsOnly)
        #expect(result.origin?.customHeaders == ["X-A": "1"])
        #expect(result.origin?.readTimeout == 5)
    }

    @Test(
        "an origin that breaks a rule names it",
        arguments: [
            (#"{}"#, EdgeRule.invalidOrigin),
            (#"{"custom":{"domainName":"","protocol":"http"}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"a:1","protocol":"http"}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"10.0.0.1","protocol":"http"}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"a.b","protocol":"ftp"}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"a.b","protocol":"http","port":81}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"a.b","protocol":"http","path":"p"}}"#, .invalidOrigin),
            (#"{"custom":{"domainName":"a.b","protocol":"http","path":"/p/"}}"#, .invalidOrigin),
            (
                #"{"custom":{"domainName":"a.b","protocol":"http","readTimeout":121}}"#,
                .invalidOrigin
            ),
            (
                #"{"custom":{"domainName":"a.b","protocol":"http","sslProtocols":["x"]}}"#,
                .invalidOrigin
            ),
            (#"{"s3":{"domainName":"A.b","authMethod":"none"}}"#, .invalidOrigin),
            (#"{"s3":{"domainName":"a.b","authMethod":"origin-access-identity"}}"#, .invalidOrigin),
            (
                #"{"custom":{"domainName":"a.b","protocol":"http","customHeaders":{"cookie":[{"value":"x"}]}}}"#,
                .invalidOriginHeaders
            ),
        ]
    )
    func breakingOrigins(_ origin: String, _ wanted: EdgeRule) {
        #expect(rule(withOrigin(origin), event: .originRequest) == wanted)
    }

    @Test(
        "viewer responses keep status and read-only headers",
        arguments: [
            (#"{"status":"200","headers":{"via":[{"value":"v"}]}}"#, nil),
            (#"{"status":"200","headers":{}}"#, EdgeRule.readOnlyHeader),
            (#"{"status":"404","headers":{"via":[{"value":"v"}]}}"#, .statusReadOnly),
            (#"{"headers":{"via":[{"value":"v"}]}}"#, .invalidStatus),
            (
                #"{"status":"200","headers":{"via":[{"value":"v"}],"warning":[{"value":"x"}]}}"#,
                .readOnlyHeader
            ),
        ]
    )
    func viewerResponses(_ json: String, _ wanted: EdgeRule?) {
        #expect(responseRule(json) == wanted)
    }

    @Test("an origin response may change the status")
    func originResponseMayChangeTheStatus() {
        let json = #"{"status":"404","headers":{"via":[{"value":"v"}]}}"#
        #expect(responseRule(json, event: .originResponse) == nil)
    }
}
