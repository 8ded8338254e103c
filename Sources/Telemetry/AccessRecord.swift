/// What follows an exchange to its end, where bytes and duration are known.
package protocol AccessAttachment: AnyObject, Sendable {
    /// Called once, with the whole record.
    func finish(_ record: AccessRecord)
}

/// What is kept of one request for `/_portico/requests` and the access log.
package struct AccessRecord: Sendable, Encodable {
    package var requestID = ExchangeID.none
    /// Seconds since 1970.
    package var startedAt = 0.0
    package var door = ""
    package var edge = ""
    package var method = ""
    package var host = ""
    package var uri = ""
    package var status = 0
    /// The result type, such as `Hit`, `Miss` or `LambdaGeneratedResponse`.
    package var resultType = ""
    package var clientIP = ""
    /// Unit: microseconds.
    package var durationMicroseconds = 0
    package var bytesSent = 0
    package var stages = Timeline()
    /// What waits for the record's end, such as a line of an access log; never written out.
    package var attachment: (any AccessAttachment)?

    private enum CodingKeys: String, CodingKey {
        case requestID, startedAt, door, edge, method, host, uri, status, resultType, clientIP
        case durationMicroseconds, bytesSent, stages
    }

    /// Hands the whole record to what waits for it, and lets go of that.
    package mutating func finish() {
        attachment?.finish(self)
        attachment = nil
    }
}

extension AccessRecord {
    /// Makes a record of what is known when a request has arrived.
    ///
    /// By way of the memberwise initializer, as `RequestHead` is made.
    @inline(__always)
    package init(
        startedAt: Double = 0,
        method: String = "",
        host: String = "",
        uri: String = "",
        clientIP: String = ""
    ) {
        self.init(
            requestID: .none,
            startedAt: startedAt,
            door: "",
            edge: "",
            method: method,
            host: host,
            uri: uri,
            status: 0,
            resultType: "",
            clientIP: clientIP,
            durationMicroseconds: 0,
            bytesSent: 0,
            stages: Timeline(),
            attachment: nil
        )
    }
}
