import DataPlane
import Executor
import Registry

/// How many segments of traces left a node.
package struct SegmentCounts: Sendable {
    package var sent: Int
    package var dropped: Int

    /// Describes counts.
    package init(sent: Int, dropped: Int) {
        self.sent = sent
        self.dropped = dropped
    }
}

/// The numbers of a node as text, one to a line, in the form that Prometheus reads (its text format 0.0.4).
enum MetricsPage {
    static let contentType = "text/plain; version=0.0.4"

    private struct Metric {
        var name: String
        var meaning: String
        var kind: String
        var value: Int
    }

    /// The whole page; a node without viewers has no load, one that polls nothing no sources.
    static func text(
        revision: Int,
        edges: [ReplicaStatus],
        load: LoadReport?,
        sources: [String: SourceStatus] = [:],
        segments: SegmentCounts? = nil
    ) -> String {
        var text = ""
        for metric in load.map(metrics(of:)) ?? [] {
            write("portico_" + metric.name, metric.meaning, metric.kind, to: &text)
            text += "portico_\(metric.name) \(metric.value)\n"
        }
        for cache in cacheMetrics(load?.caches ?? []) {
            write("portico_" + cache.name, cache.meaning, cache.kind, to: &text)
            for (name, value) in cache.values {
                text += "portico_\(cache.name){cache=\"\(name)\"} \(value)\n"
            }
        }
        write("portico_revision", "The revision that this node has.", "gauge", to: &text)
        text += "portico_revision \(revision)\n"
        write(sources, to: &text)
        if let segments {
            write("portico_trace_segments_total", "Segments sent or written.", "counter", to: &text)
            text += "portico_trace_segments_total \(segments.sent)\n"
            write(
                "portico_trace_segments_dropped_total",
                "Segments that found no room.",
                "counter",
                to: &text
            )
            text += "portico_trace_segments_dropped_total \(segments.dropped)\n"
        }
        guard !edges.isEmpty else { return text }
        write("portico_edge_lag", "Revisions that an edge has not applied.", "gauge", to: &text)
        for edge in edges { text += "portico_edge_lag{edge=\"\(edge.name)\"} \(edge.lag)\n" }
        return text
    }

    private static func write(
        _ name: String,
        _ meaning: String,
        _ kind: String,
        to text: inout String
    ) {
        text += "# HELP \(name) \(meaning)\n# TYPE \(name) \(kind)\n"
    }

    private static let ofSources: [(String, String, String, @Sendable (SourceStatus) -> Int)] = [
        (
            "iterator_age_milliseconds", "How old the last record of the latest batch was.",
            "gauge",
            { Int($0.iteratorAge) }
        ),
        ("batches_total", "Batches handed to the function.", "counter", { $0.batches }),
        ("failed_batches_total", "Batches that failed.", "counter", { $0.failedBatches }),
        ("records_total", "Records that are done.", "counter", { $0.records }),
        ("filtered_total", "Records that no filter let through.", "counter", { $0.filtered }),
        ("dropped_total", "Records that were given up.", "counter", { $0.dropped }),
    ]

    /// One line for each mapping and number.
    ///
    /// Source: "Viewing metrics for Lambda functions", event source mapping metrics.
    private static func write(_ sources: [String: SourceStatus], to text: inout String) {
        guard !sources.isEmpty else { return }
        for (name, meaning, kind, value) in ofSources {
            write("portico_source_" + name, meaning, kind, to: &text)
            for (uuid, status) in sources.sorted(by: { $0.key < $1.key }) {
                text += "portico_source_\(name){mapping=\"\(uuid)\"} \(value(status))\n"
            }
        }
    }

    /// A metric with a value for each cache that has it.
    private struct CacheMetric {
        var name: String
        var meaning: String
        var kind: String
        var values: [(String, Int)]
    }

    private static func cacheMetrics(_ caches: [CacheLoad]) -> [CacheMetric] {
        func metric(
            _ name: String,
            _ kind: String,
            _ meaning: String,
            _ value: (CacheLoad) -> Int?
        ) -> CacheMetric {
            let values = caches.compactMap { cache in value(cache).map { (cache.name, $0) } }
            return CacheMetric(name: name, meaning: meaning, kind: kind, values: values)
        }
        return [
            metric("cache_objects", "gauge", "Answers that a cache holds.", \.objects),
            metric("cache_bytes", "gauge", "What counts against its bound.", \.bytes),
            metric("cache_disk_objects", "gauge", "Answers on its disk.") { $0.disk?.objects },
            metric("cache_disk_bytes", "gauge", "Their bytes.") { $0.disk?.bytes },
            metric("cache_disk_limit_bytes", "gauge", "The most there may be.") { $0.disk?.limit },
            metric("cache_disk_written_total", "counter", "Answers written.") { $0.disk?.written },
            metric("cache_disk_evicted_total", "counter", "Removed for room.") { $0.disk?.evicted },
            metric("cache_disk_corrupted_total", "counter", "Dropped: not as they were written.") {
                $0.disk?.corrupted
            },
            metric("cache_disk_failed_total", "counter", "Could not be written.") {
                $0.disk?.failed
            },
        ].filter { !$0.values.isEmpty }
    }

    private static func metrics(of load: LoadReport) -> [Metric] {
        func counter(_ name: String, _ meaning: String, _ value: Int) -> Metric {
            Metric(name: name, meaning: meaning, kind: "counter", value: value)
        }
        func gauge(_ name: String, _ meaning: String, _ value: Int) -> Metric {
            Metric(name: name, meaning: meaning, kind: "gauge", value: value)
        }
        return [
            gauge("connections", "Connections of viewers that are open.", load.connections),
            counter("connections_accepted_total", "Connections accepted.", load.accepted),
            counter(
                "connections_refused_total",
                "Connections closed because there were too many.",
                load.refusedInTotal
            ),
            counter(
                "connections_refused_of_source_total",
                "Connections closed because there were too many of their source.",
                load.refusedOfSource
            ),
            counter(
                "proxy_headers_refused_total",
                "Connections of trusted proxies without a valid header.",
                load.refusedProxyHeaders
            ),
            counter(
                "descriptor_exhaustions_total",
                "Pauses of accepting for want of descriptors.",
                load.exhaustions
            ),
            counter(
                "requests_shed_total",
                "Requests answered with 503 for want of memory.",
                load.shedRequests
            ),
            gauge("shedding", "Whether requests are turned away.", load.isShedding ? 1 : 0),
            gauge("resident_bytes", "Memory of this process.", load.residentBytes),
            gauge("memory_budget_bytes", "The most it may have.", load.memoryBudget),
        ]
    }
}
