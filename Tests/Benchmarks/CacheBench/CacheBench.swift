import Edge
import Glibc
import HTTP

/// The cache alone: what an object costs beside its body, and what evicting costs those who ask.
///
/// usage: CacheBench [OBJECTS]
///
/// Fails when an object costs more than `statedCost` bytes beside its body, or when the 99th percentile of
/// look-ups while evicting is more than twice that without.
@main
struct CacheBench {
    /// Unit: bytes beside the body.
    static let statedCost = 1024
    private static let bodySize = 1024
    private static let samples = 400_000

    static func main() {
        let objects = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
        let before = resident()
        let store = CacheStore(byteLimit: 8 << 30)
        for number in 0..<objects { store.put(key(number), entry(number)) }
        let each = (resident() - before) / objects - bodySize
        print("\(store.count) objects of \(bodySize) bytes: \(each) bytes each beside the body")

        let quiet = CacheStore(byteLimit: 256 << 20)
        fill(quiet)
        let calm = percentile(quiet, evicts: false)
        let busy = percentile(quiet, evicts: true)
        print("p99 of a look-up: \(calm) ns, while evicting \(busy) ns")
        guard store.count == objects, each <= statedCost, busy <= 2 * max(calm, 200) else {
            exit(1)
        }
    }

    private static func key(_ number: Int) -> String {
        "E1\n/catalogue/item-\(number)\nen\n"
    }

    private static func entry(_ number: Int) -> StoredResponse {
        StoredResponse(
            head: ResponseHead(
                status: 200,
                headers: [
                    "Content-Type": "text/html; charset=utf-8", "ETag": "\"\(number)\"",
                    "Cache-Control": "max-age=3600", "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
                ]
            ),
            body: [UInt8](repeating: UInt8(number & 255), count: bodySize)[...],
            storedAt: 0,
            expiresAt: .max,
            originStatus: 200
        )
    }

    private static func fill(_ store: CacheStore) {
        for number in 0..<200_000 { store.put(key(number), entry(number)) }
    }

    /// Unit: nanoseconds.
    private static func percentile(_ store: CacheStore, evicts: Bool) -> Int {
        var times: [Int] = []
        times.reserveCapacity(samples)
        for number in 0..<samples {
            // One new object for ten look-ups: each pushes another one out.
            if evicts, number % 10 == 0 { store.put(key(1_000_000 + number), entry(number)) }
            let wanted = key(number % 100_000)
            let start = now()
            _ = store.holds(wanted)
            times.append(now() - start)
        }
        times.sort()
        return times[times.count * 99 / 100]
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    /// Unit: bytes of this process.
    private static func resident() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 128)
        guard fgets(&text, 128, file) != nil else { return 0 }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }
}
