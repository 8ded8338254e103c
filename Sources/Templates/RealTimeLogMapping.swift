import JSON
import Model

/// Configurations of real-time logs become the records that the API keeps of them.
///
/// Source: "AWS::CloudFront::RealtimeLogConfig".
extension ResourceMapper {
    func mapRealTimeLog(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("Name") else { return }
        let chosen = fields.strings("Fields")
        if chosen.isEmpty || !Set(RealTimeFieldNames.all).isSuperset(of: chosen) {
            let unknown = chosen.filter { !RealTimeFieldNames.all.contains($0) }
            let message = "fields that are not known: \(unknown.joined(separator: ", "))"
            fields.refuse("Fields", .realTimeLog, unknown.isEmpty ? nil : message)
        }
        let rate = fields.int("SamplingRate") ?? 0
        if !(1...100).contains(rate) { fields.refuse("SamplingRate", .realTimeLog) }
        let ends = fields.each("EndPoints").compactMap(endPoint)
        if ends.count != 1 { fields.refuse("EndPoints", .realTimeLog, "one end point is wanted") }
        var record = JSONObject()
        record["Name"] = .string(name)
        record["ARN"] = .string(RealTimeLogRecord.arn(name))
        record["SamplingRate"] = .integer(rate)
        record["Fields"] = .array(chosen.map(JSONValue.string))
        record["EndPoints"] = .array(ends)
        made.append(
            .record(id: RealTimeLogRecord.key(name), document: JSONValue.object(record).text)
        )
    }

    private func endPoint(_ fields: Fields) -> JSONValue? {
        defer { fields.finish() }
        if fields.required("StreamType") != "Kinesis" {
            fields.refuse("StreamType", .realTimeLog, "Kinesis is the only type")
        }
        guard let config = fields.fields("KinesisStreamConfig") else { return nil }
        defer { config.finish() }
        guard let role = config.required("RoleArn"), let stream = config.required("StreamArn")
        else { return nil }
        return [
            "StreamType": "Kinesis",
            "KinesisStreamConfig": ["RoleARN": .string(role), "StreamARN": .string(stream)],
        ]
    }

    /// The real-time log of a behaviour.
    func realTimeLog(_ fields: Fields) -> String? {
        guard let arn = fields.string("RealtimeLogConfigArn"), !arn.isEmpty else { return nil }
        if resource("AWS::CloudFront::RealtimeLogConfig", arn) == nil {
            let message = "there is no real-time log \(arn) in this template"
            fields.refuse("RealtimeLogConfigArn", .realTimeLog, message)
        }
        return arn
    }

    /// Where streams go on this machine: a file, or a URL that records are sent to.
    func readStreams(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            guard let text = entry.value.text, !text.isEmpty else {
                let message = "a file, http://… or kinesis+http://… is wanted here"
                evaluator.error(entry.value, "\(path).\(entry.key)", message)
                continue
            }
            let isURL = text.contains("://")
            let document: JSONValue = ["To": .string(isURL ? text : absolute(text))]
            made.append(
                .record(id: RealTimeLogRecord.streamKey(entry.key), document: document.text)
            )
        }
    }
}
