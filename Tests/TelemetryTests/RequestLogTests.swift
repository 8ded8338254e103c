import Telemetry
import Testing

@Suite
struct RequestLogTests {
    @Test
    func keepsTheLatestNewestFirst() {
        let log = RequestLog()
        #expect(log.latest(5).isEmpty)
        for number in 0..<RequestLog.capacity + 3 {
            var record = AccessRecord()
            record.status = number
            log.append(&record)
        }
        #expect(log.latest(2).map(\.status) == [RequestLog.capacity + 2, RequestLog.capacity + 1])
        #expect(log.latest(5000).last?.status == 3)
        #expect(log.latest(-1).isEmpty)
    }
}
