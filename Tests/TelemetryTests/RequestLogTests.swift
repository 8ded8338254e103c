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

    @Test("ids are 40 bytes of Base64 for URLs, each its own, the same whenever they are read")
    func ids() throws {
        let ids = (0..<1000).map { _ in ExchangeID.make() }
        #expect(Set(ids.map(\.description)).count == ids.count)
        for id in ids {
            let text = id.description
            #expect(text.wholeMatch(of: /[A-Za-z0-9_-]{53}[AQgw]==/) != nil)
            #expect(text == id.description)
            #expect(text.utf8.count == ExchangeID.length)
        }
        #expect(ExchangeID.none.description.isEmpty)
    }
}
