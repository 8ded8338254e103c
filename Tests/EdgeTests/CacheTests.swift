import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

@Suite("Freshness")
struct FreshnessTests {
    private func policy(_ minimum: Int, _ normal: Int, _ maximum: Int) -> CachePolicy {
        var policy = CachePolicy(id: "test")
        policy.minTTL = minimum
        policy.defaultTTL = normal
        policy.maxTTL = maximum
        return policy
    }

    @Test(
        "the life of an answer follows its directives and the three times of the policy",
        arguments: [
            ("max-age=5", 0, 100, 1000, 5), ("max-age=5", 60, 100, 1000, 60),
            ("max-age=5000", 0, 100, 1000, 1000), ("s-maxage=5, max-age=100", 0, 0, 1000, 5),
            ("public", 0, 100, 1000, 100), ("public", 200, 100, 1000, 200),
            ("no-store", 60, 100, 1000, 60), ("no-cache", 0, 100, 1000, nil),
            ("private, max-age=9", 0, 100, 1000, nil), ("max-age=9", 0, 0, 0, nil),
            ("max-age=junk", 0, 100, 1000, 0),
            (#"no-cache="Set-Cookie", max-age=7"#, 0, 1, 99, 7),
        ] as [(String, Int, Int, Int, Int?)]
    )
    func lifetimes(
        _ control: String,
        _ minimum: Int,
        _ normal: Int,
        _ maximum: Int,
        _ wanted: Int?
    ) {
        let found = Freshness.lifetime(
            ["Cache-Control": control],
            policy: policy(minimum, normal, maximum),
            now: 1000
        )
        #expect(found == wanted)
    }

    @Test("Expires counts from now and gives way to max-age")
    func expires() {
        let date = WallClock.format(1_000_060)
        #expect(WallClock.parse(date) == 1_000_060)
        let some = policy(0, 10, 1000)
        #expect(Freshness.lifetime(["Expires": date], policy: some, now: 1_000_000) == 60)
        #expect(Freshness.lifetime(["Expires": "0"], policy: some, now: 1_000_000) == 0)
        let both: Headers = ["Expires": date, "Cache-Control": "max-age=3"]
        #expect(Freshness.lifetime(both, policy: some, now: 1_000_000) == 3)
    }

    @Test(
        "errors live by their own rules",
        arguments: [
            (404, "", 10), (404, "no-store", nil), (500, "no-store", 10), (403, "", nil),
            (403, "max-age=30", 30), (404, "max-age=30", 30), (416, "max-age=30", nil),
            (401, "", nil), (503, "max-age=3", 10),
        ] as [(Int, String, Int?)]
    )
    func errors(_ status: Int, _ control: String, _ wanted: Int?) {
        let found = Freshness.errorLifetime(
            status: status,
            headers: control.isEmpty ? [:] : ["Cache-Control": control],
            policy: policy(0, 100, 1000),
            minimum: 10,
            now: 0
        )
        #expect(found == wanted)
    }
}

@Suite("Cache key")
struct CacheKeyTests {
    private func key(
        _ headers: Headers = [:],
        query: String? = nil,
        method: String = "GET",
        _ change: (inout CachePolicy) -> Void = { _ in }
    ) -> String {
        var policy = CachePolicy(id: "test")
        change(&policy)
        let plan = BehaviorPlan.sample(policy)
        let head = RequestHead(method: method, path: "/a", query: query, headers: headers)
        return CacheKey.make(head, distribution: "E1", plan: plan)
    }

    @Test("only the path is in the key by default")
    func onlyThePathByDefault() {
        #expect(key(["Host": "a", "Cookie": "x=1"], query: "q=1") == key(["Host": "b"]))
        #expect(key(method: "HEAD") == key())
        #expect(key(method: "OPTIONS") != key())
    }

    @Test(
        "encodings are normalised",
        arguments: [
            ("gzip, deflate, br", "br;q=1.0, gzip", true), ("gzip", "gzip, br", false),
            ("deflate", "", true), ("gzip;q=0", "", true), ("br", "gzip", false),
        ]
    )
    func encodingsAreNormalised(_ left: String, _ right: String, _ same: Bool) {
        func encoded(_ text: String) -> String {
            key(text.isEmpty ? [:] : ["Accept-Encoding": text]) {
                $0.acceptsGzip = true
                $0.acceptsBrotli = true
            }
        }
        #expect((encoded(left) == encoded(right)) == same)
    }

    @Test("listed queries, cookies and headers are in the key")
    func listedValues() {
        let queries: (inout CachePolicy) -> Void = { $0.queryStrings = .only(["a"]) }
        #expect(key(query: "a=1&b=2", queries) == key(query: "a=1&b=3", queries))
        #expect(key(query: "a=1", queries) != key(query: "a=2", queries))
        let cookies: (inout CachePolicy) -> Void = { $0.cookies = .allExcept(["b"]) }
        #expect(key(["Cookie": "b=1; a=2"], cookies) == key(["Cookie": "a=2; b=3"], cookies))
        #expect(key(["Cookie": "a=1"], cookies) != key(["Cookie": "a=2"], cookies))
        let headers: (inout CachePolicy) -> Void = { $0.headers = .only(["X-Lang"]) }
        #expect(key(["x-lang": "de"], headers) != key(["x-lang": "en"], headers))
        #expect(key(["x-lang": "de", "x": "1"], headers) == key(["X-Lang": "de"], headers))
    }
}

@Suite("Cache store")
struct CacheStoreTests {
    private func entry(_ text: String = "x", until: Int = 100) -> StoredResponse {
        StoredResponse(
            head: ResponseHead(status: 200),
            body: Array(text.utf8)[...],
            storedAt: 0,
            expiresAt: until,
            originStatus: 200
        )
    }

    /// Looks a key up in ten tasks and counts how many filled, hit and passed.
    private func crowd(
        _ store: CacheStore,
        _ act: @escaping @Sendable (Fill) -> Void
    ) async -> (fills: Int, hits: Int, passes: Int) {
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    switch await store.lookUp("k", now: { 0 }) {
                    case .fill(let fill, _):
                        for _ in 0..<50 { await Task.yield() }
                        act(fill)
                        return 0
                    case .hit, .stale, .join: return 1
                    case .pass: return 2
                    }
                }
            }
            var counts = [0, 0, 0]
            for await kind in group { counts[kind] += 1 }
            return (counts[0], counts[1], counts[2])
        }
    }

    @Test("one fetches for all that wait")
    func oneFetchesForAll() async {
        let entry = entry()
        let counts = await crowd(CacheStore()) { $0.fulfil(entry) }
        #expect(counts == (1, 9, 0))
    }

    @Test("a dropped fill wakes the next")
    func aDroppedFillWakesTheNext() async {
        let first = Atomic(true)
        let entry = entry()
        let counts = await crowd(CacheStore()) { fill in
            if !first.exchange(false, ordering: .relaxed) { fill.fulfil(entry) }
        }
        #expect(counts == (2, 8, 0))
    }

    @Test("uncacheable answers do not queue")
    func uncacheableAnswersDoNotQueue() async {
        let store = CacheStore()
        let counts = await crowd(store) { $0.refuse(now: 0) }
        #expect(counts == (1, 0, 9))
        guard case .pass = await store.lookUp("k", now: { 1 }) else {
            Issue.record("the memory of uncacheable answers is gone")
            return
        }
        guard case .fill = await store.lookUp("k", now: { 1000 }) else {
            Issue.record("the memory of uncacheable answers has no end")
            return
        }
    }

    @Test("stale entries are offered for revalidation")
    func staleEntriesAreOfferedForRevalidation() async {
        let store = CacheStore()
        store.put("k", entry("old", until: 10))
        guard case .fill(_, let stale) = await store.lookUp("k", now: { 10 }) else {
            Issue.record("no fill")
            return
        }
        #expect(stale?.body == Array("old".utf8)[...])
    }

    @Test("bytes are bounded and the oldest goes")
    func bytesAreBoundedAndTheOldestGoes() async {
        let store = CacheStore(byteLimit: 16 * 10_000)
        for number in 0..<1000 {
            store.put("k\(number)", entry(String(repeating: "x", count: 1000)))
            if case .hit = await store.lookUp("k0", now: { 0 }) { continue }
            Issue.record("the entry in use was evicted at \(number)")
            return
        }
        #expect(store.cost <= 16 * 10_000)
        #expect(store.cost > 16 * 5_000)
        guard case .fill = await store.lookUp("k1", now: { 0 }) else {
            Issue.record("an unused entry stayed")
            return
        }
        store.removeAll { _ in true }
        #expect(store.cost == 0)
    }
}
