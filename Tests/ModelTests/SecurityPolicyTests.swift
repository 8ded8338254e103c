import Model
import Testing

@Suite("Security policies")
struct SecurityPolicyTests {
    @Test(
        "a distribution's policies have AWS's versions and number of ciphers",
        arguments: [
            ("TLSv1", 4, 19), ("TLSv1.1_2016", 3, 19), ("TLSv1.2_2018", 2, 13),
            ("TLSv1.2_2019", 2, 10), ("TLSv1.2_2021", 2, 6), ("TLSv1.2_2025", 2, 4),
            ("TLSv1.3_2025", 1, 0),
        ]
    )
    func distributions(_ name: String, _ versions: Int, _ ciphers: Int) throws {
        let policy = try #require(SecurityPolicy.distribution(name))
        #expect(policy.versions.count == versions && policy.versions.last == .tls13)
        #expect(policy.ciphers.count == ciphers)
        #expect(policy.suites.count == (name == "TLSv1.2_2025" ? 2 : 3))
    }

    @Test(
        "a listener's policies have AWS's versions and number of ciphers",
        arguments: [
            ("TLS13-1-3-2021-06", "TLSv1.3", 3), ("TLS13-1-2-Res-2021-06", "TLSv1.2 TLSv1.3", 7),
            ("TLS13-1-2-2021-06", "TLSv1.2 TLSv1.3", 11),
            ("2016-08", "TLSv1 TLSv1.1 TLSv1.2", 18), ("FS-1-2-Res-2020-10", "TLSv1.2", 4),
            ("TLS-1-0-2015-04", "TLSv1 TLSv1.1 TLSv1.2", 19),
            ("TLS13-1-2-Res-PQ-2025-09", "TLSv1.2 TLSv1.3", 7),
        ]
    )
    func listeners(_ name: String, _ versions: String, _ ciphers: Int) throws {
        let policy = try #require(SecurityPolicy.listener("ELBSecurityPolicy-" + name))
        #expect(policy.versions.map(\.text).joined(separator: " ") == versions)
        #expect(policy.suites.count + policy.ciphers.count == ciphers)
    }

    @Test("what can't be done here is said, and unknown names are none")
    func words() {
        #expect(SecurityPolicy.distribution("SSLv3")?.lacks?.contains("SSL 3.0") == true)
        #expect(SecurityPolicy.distribution("TLSv1.3_2025")?.lacks?.contains("ML-KEM") == true)
        #expect(SecurityPolicy.distribution("TLSv1.2_2020") == nil)
        #expect(SecurityPolicy.listener("TLS13-1-3-2021-06") == nil)
        #expect(SecurityPolicy.listener("ELBSecurityPolicy-TLS13-9") == nil)
        #expect(SecurityPolicy.api("TLS_1_2")?.lowest == .tls12)
    }
}
