import DataPlane
import HTTP
import JSON
import Model

/// The JSON between a load balancer and its functions.
enum BalancerEvents {
    /// The event of a request.
    static func encode(
        _ head: RequestHead,
        body: Bytes,
        targetGroup: TargetGroup
    ) -> [UInt8] {
        let isMulti = targetGroup.multiValueHeaders
        var writer = JSONWriter(reserving: 1024 + body.count)
        writer.beginObject()
        writer.key("requestContext")
        writer.beginObject()
        writer.key("elb")
        writer.beginObject()
        writer.field("targetGroupArn", targetGroup.arn)
        writer.endObject()
        writer.endObject()
        writer.field("httpMethod", head.method)
        writer.field("path", head.path)
        writer.key(isMulti ? "multiValueQueryStringParameters" : "queryStringParameters")
        write(QueryText.grouped(QueryText.pairs(head.query)), isMulti, to: &writer)
        writer.key(isMulti ? "multiValueHeaders" : "headers")
        write(Payloads.grouped(head.headers), isMulti, to: &writer)
        let content = Payloads.text(of: body, head.headers)
        writer.field("body", content.text)
        writer.field("isBase64Encoded", content.isBase64)
        writer.endObject()
        return writer.bytes
    }

    private static func write(
        _ groups: [(key: String, values: [String])],
        _ isMulti: Bool,
        to writer: inout JSONWriter
    ) {
        writer.beginObject()
        for (key, values) in groups {
            writer.key(key)
            if isMulti {
                writer.beginArray()
                for value in values { writer.string(value) }
                writer.endArray()
            } else {
                writer.string(values.last ?? "")
            }
        }
        writer.endObject()
    }

    /// The response that a function's answer means; nil when it is malformed.
    static func decode(_ payload: Bytes, multiValue: Bool) -> Response? {
        guard let answer = try? JSONValue.parse(payload), answer.object != nil,
            let status = answer["statusCode"]?.int, (200...599).contains(status),
            let body = Payloads.body(of: answer), var headers = fields(of: answer, multiValue)
        else { return nil }
        HopByHop.strip(&headers)
        headers.remove("content-length")
        if !headers.contains("content-type"), !body.isEmpty {
            headers.append("Content-Type", "application/octet-stream")
        }
        if !headers.contains("server") { headers.append("Server", "awselb/2.0") }
        var head = ResponseHead(status: status, headers: headers)
        if let description = answer["statusDescription"]?.string {
            guard Payloads.isValid("x", description) else { return nil }
            let number = String(status) + " "
            head.reason =
                description.hasPrefix(number)
                ? String(description.dropFirst(number.count)) : description
        }
        return Response(head: head, body: body.isEmpty ? .empty : .bytes(body[...]))
    }

    private static func fields(of answer: JSONValue, _ isMulti: Bool) -> Headers? {
        var headers = Headers()
        guard let member = answer[isMulti ? "multiValueHeaders" : "headers"] else { return headers }
        guard let object = member.object else { return nil }
        for field in object {
            let values: [JSONValue]
            if isMulti {
                guard let all = field.value.array else { return nil }
                values = all
            } else {
                values = [field.value]
            }
            for value in values {
                guard let text = value.string, Payloads.isValid(field.key, text) else { return nil }
                headers.append(field.key, text)
            }
        }
        return headers
    }
}
