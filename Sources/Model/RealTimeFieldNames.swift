/// The names of the fields of real-time logs, in the order in which chosen ones are written.
///
/// Source: "Use real-time access logs".
package enum RealTimeFieldNames {
    /// All names.
    package static let all =
        [
            "timestamp", "c-ip", "s-ip", "time-to-first-byte", "sc-status", "sc-bytes",
            "cs-method", "cs-protocol", "cs-host", "cs-uri-stem", "cs-bytes", "x-edge-location",
            "x-edge-request-id", "x-host-header", "time-taken", "cs-protocol-version",
            "c-ip-version", "cs-user-agent", "cs-referer", "cs-cookie", "cs-uri-query",
            "x-edge-response-result-type", "x-forwarded-for", "ssl-protocol", "ssl-cipher",
            "x-edge-result-type", "fle-encrypted-fields", "fle-status", "sc-content-type",
            "sc-content-len", "sc-range-start", "sc-range-end", "c-port",
            "x-edge-detailed-result-type", "c-country", "cs-accept-encoding", "cs-accept",
            "cache-behavior-path-pattern", "cs-headers", "cs-header-names", "cs-headers-count",
            "primary-distribution-id", "primary-distribution-dns-name", "origin-fbl", "origin-lbl",
            "asn",
        ] + media.map { "cmcd-" + $0.name } + [
            "r-host", "sr-reason", "x-edge-mqcs", "distribution-tenant-id", "connection-id",
        ]

    /// What players send of themselves, with the keys in which they send it (CTA-5004).
    package static let media: [(name: String, key: String)] = [
        ("encoded-bitrate", "br"), ("buffer-length", "bl"), ("buffer-starvation", "bs"),
        ("content-id", "cid"), ("object-duration", "d"), ("deadline", "dl"),
        ("measured-throughput", "mtp"), ("next-object-request", "nor"),
        ("next-range-request", "nrr"), ("object-type", "ot"), ("playback-rate", "pr"),
        ("requested-maximum-throughput", "rtp"), ("streaming-format", "sf"),
        ("session-id", "sid"), ("stream-type", "st"), ("startup", "su"), ("top-bitrate", "tb"),
        ("version", "v"),
    ]
}
