import Edge
import HTTP
import Model

/// Signed URLs and cookies: whoever has no private key gets in by no spelling, and a policy is read or refused.
enum SignedURLTarget {
    /// The public half of a key whose private half was thrown away.
    private static let key = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkWPpbK5IcgrdJyEsLn2KzDFcXLHR
        54NXyynElomMoT1NYNCSdOM28XgJWrMYIkRB4wWPg1VI5YDjscbQOQ3avw==
        -----END PUBLIC KEY-----
        """
    private static let requests = SignedRequests(
        keys: ["K1": PublicKey(id: "K1", name: "k", encodedKey: key)]
    )

    static func run(_ input: ArraySlice<UInt8>) {
        guard let first = input.first else { return }
        let text = String(decoding: input.dropFirst(), as: UTF8.self)
        switch first % 3 {
        case 0: check(query: text, cookie: nil)
        case 1: check(query: nil, cookie: text)
        default: policy(Array(input.dropFirst()))
        }
    }

    private static func check(query: String?, cookie: String?) {
        var head = RequestHead(
            method: "GET",
            path: "/a",
            query: query,
            headers: ["Host": "d.example.com"]
        )
        if let cookie { head.headers.append("Cookie", cookie) }
        let asked = SignedRequests.Asked(head: head, isTLS: true, address: "198.51.100.7", now: 1)
        precondition(requests.check(asked) != nil, "a signature was forged")
        let left = SignedRequests.withoutParameters(query)
        precondition(SignedRequests.withoutParameters(left) == left, "parameters are left")
    }

    private static func policy(_ document: [UInt8]) {
        guard let policy = SignedPolicy(document) else { return }
        let url = "https://d.example.com/a?b=c"
        let early = policy.admits(url: url, address: "198.51.100.7", now: 0)
        precondition(
            early == policy.admits(url: url, address: "198.51.100.7", now: 0),
            "two verdicts"
        )
        precondition(
            !policy.admits(url: url, address: "198.51.100.7", now: Int.max),
            "a policy without an end"
        )
    }
}
