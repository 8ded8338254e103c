import HTTP
import Testing

@Suite("Dates")
struct HTTPDateTests {
    @Test(
        "all three forms name the same second",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ]
    )
    func forms(text: String) {
        #expect(HTTPDate.parse(text) == 784_111_777)
    }

    @Test(
        "known seconds",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
    )
    func known(seconds: Int, text: String) {
        #expect(HTTPDate.format(seconds) == text)
        #expect(HTTPDate.parse(text) == seconds)
        var cache = HTTPDate.Cache()
        #expect(cache.bytes(at: seconds) == Array(text.utf8))
        #expect(cache.bytes(at: seconds) == Array(text.utf8))
        #expect(cache.bytes(at: seconds + 1) != Array(text.utf8) || seconds == 253_402_300_799)
    }

    @Test("formatting and parsing agree over four centuries")
    func roundTrip() {
        for second in stride(from: -2_208_988_800, to: 10_413_792_000, by: 8_640_011) {
            #expect(HTTPDate.parse(HTTPDate.format(second)) == second)
        }
    }

    @Test(
        "what is no date is refused",
        arguments: [
            "", "0", "-1", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 30 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Xxx, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Xxx 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun Nov 6 08:49:37 1994", "Sun, 00 Nov 1994 08:49:37 GMT",
        ]
    )
    func malformed(text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }

    @Test("a year of two digits is at most fifty years ahead")
    func twoDigits() {
        let now = HTTPDate.parse("Thu, 01 Jan 2026 00:00:00 GMT")
        #expect(
            HTTPDate.parse("Friday, 01-Jan-76 00:00:00 GMT", now: now)
                == HTTPDate.parse("Wed, 01 Jan 2076 00:00:00 GMT")
        )
        #expect(
            HTTPDate.parse("Saturday, 01-Jan-77 00:00:00 GMT", now: now)
                == HTTPDate.parse("Sat, 01 Jan 1977 00:00:00 GMT")
        )
    }
}

@Suite("Cache-Control")
struct CacheControlTests {
    @Test("directives in any letter case, quoted or not, over several fields")
    func directives() {
        let headers: Headers = [
            "Cache-Control": "Max-Age=60 , s-maxage=\"120\",PUBLIC", "cache-control": "immutable",
        ]
        let control = CacheControl(headers)
        #expect(control.maxAge == 60)
        #expect(control.sharedMaxAge == 120)
        #expect(control.isPublic && control.isImmutable)
        #expect(!control.noStore && !control.noCache && !control.isPrivate)
    }

    @Test(
        "ages that are odd",
        arguments: [
            ("max-age=1, max-age=2", 1), ("max-age=x", 0), ("max-age", 0), ("max-age=-1", 0),
            ("max-age=1.5", 0), ("max-age=99999999999999999999", 2_147_483_648),
            ("max-age= 7", 7), (",,max-age=8,", 8), ("x=\"max-age=1, a\", max-age=9", 9),
            ("x=\"\\\", max-age=1\", max-age=3", 3), ("max-age=\"", 0),
        ]
    )
    func ages(text: String, expected: Int) {
        #expect(CacheControl(text).maxAge == expected)
    }

    @Test("field names belong to no-cache and private")
    func fieldNames() {
        let control = CacheControl("no-cache=\"Set-Cookie, X\", private=\"a\", no-store")
        #expect(control.noCacheFields == ["set-cookie", "x"])
        #expect(!control.noCache && !control.isPrivate && control.noStore)
        #expect(control.privateFields == ["a"])
        #expect(CacheControl("no-cache, private").noCache)
        #expect(CacheControl("max-stale").maxStale == CacheControl.longest)
    }
}

@Suite("Targets")
struct TargetTests {
    @Test("percent coding both ways")
    func percent() {
        #expect(PercentCoding.encode("a b/ü~") == "a%20b%2F%C3%BC~")
        #expect(PercentCoding.encode("/a b", allowed: "/") == "/a%20b")
        #expect(PercentCoding.decode("a%20b%2f%C3%BC+") == "a b/ü+")
        #expect(PercentCoding.decode("a+b", plusIsSpace: true) == "a b")
        for bad in ["%", "%4", "%zz", "%ff", "a%+1"] { #expect(PercentCoding.decode(bad) == nil) }
    }

    @Test("a query keeps order and spelling")
    func query() {
        let pairs = QueryString.pairs("b=1&a=%20&&a&=x&c==")
        #expect(pairs.map(\.name) == ["b", "a", "a", "", "c"])
        #expect(pairs.map(\.value) == ["1", "%20", nil, "x", "="])
        #expect(QueryString.join(pairs) == "b=1&a=%20&a&=x&c==")
        #expect(QueryString.pairs("").isEmpty)
    }
}

@Suite("Look-ups in a head")
struct LookupTests {
    @Test(
        "the host goes without port and letter case",
        arguments: [
            ("Example.COM:8443", "example.com"), ("x", "x"), ("[::1]:80", "::1"), ("", ""),
            ("[::A]", "::a"), (":80", ""),
            ("a.b.c.d.e.f.g.h.Localhost", "a.b.c.d.e.f.g.h.localhost"),
        ]
    )
    func host(field: String, expected: String) {
        let head = RequestHead(method: "GET", path: "/", headers: ["hOST": field])
        #expect(head.host == expected)
        for known in [expected, "", "a", "example", "shop.example", "::1"] {
            #expect(head.host(like: known) == expected, "beside \(known)")
        }
        #expect(RequestHead(method: "GET", path: "/").host == "")
    }

    @Test("tokens are found whole, over several fields")
    func tokens() {
        let headers: Headers = ["Connection": "a, Keep-Alive ,", "connection": "\tUpgrade"]
        #expect(headers.hasToken("keep-alive", in: "Connection"))
        #expect(headers.hasToken("UPGRADE", in: "connection"))
        #expect(!headers.hasToken("keep", in: "connection"))
        #expect(!headers.hasToken("a", in: "other"))
        #expect(!Headers().hasToken("a", in: "b"))
    }

    @Test("a list kept for long has the same fields in less memory, and takes more of them")
    func compacted() {
        var headers: Headers = [
            "Content-Type": "text/html", "Set-Cookie": "a=1", "set-cookie": "b",
        ]
        headers.remove("content-type")
        var kept = headers.compacted()
        #expect(kept == headers && kept.count == 2)
        #expect(Headers().compacted().isEmpty)
        for number in 0..<100 { kept.append("X-\(number)", "\(number)") }
        #expect(kept.count == 102 && kept["x-99"] == "99" && kept["set-cookie"] == "a=1")
        #expect(headers.count == 2)
    }
}
