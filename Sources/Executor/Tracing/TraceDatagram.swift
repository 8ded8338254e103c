import JSON

/// The protocol of the daemon: a line of JSON that names the format, then a document.
///
/// Source: AWS X-Ray, "Sending trace data to AWS X-Ray".
enum TraceDatagram {
    /// The document of a datagram; nil when format, version or document are not right.
    static func document(in datagram: [UInt8]) -> ArraySlice<UInt8>? {
        guard let end = datagram.firstIndex(of: 10),
            let head = try? JSONValue.parse(datagram[..<end]),
            head["format"]?.string?.lowercased() == "json", head["version"]?.int == 1
        else { return nil }
        var document = datagram[(end + 1)...]
        while let last = document.last, last == 10 || last == 13 || last == 32 {
            document.removeLast()
        }
        guard let json = try? JSONValue.parse(document), json.object != nil,
            json["id"]?.string != nil, json["trace_id"]?.string != nil
        else { return nil }
        return document
    }
}
