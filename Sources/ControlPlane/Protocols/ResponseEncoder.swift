import DataPlane
import HTTP
import JSON

/// Makes the response of a call in its service's protocol.
struct ResponseEncoder {
    let model: ServiceModel
    let id: String

    func response(_ reply: APIReply, to operation: Operation) -> Response {
        var head = ResponseHead(
            status: reply.status ?? operation.status,
            headers: ["x-amzn-RequestId": id]
        )
        for (name, value) in reply.headers { head.headers.append(name, value) }
        guard let shape = operation.output.map(model.shape) else {
            return bodyless(operation, reply, head)
        }
        bind(reply.output, shape, to: &head)
        if reply.isEmpty { return Response(head: head) }
        if let raw = reply.raw {
            head.headers.append("Content-Type", raw.contentType)
            return Response(head: head, body: raw.body.body)
        }
        if model.wire == .query { return formResponse(reply, shape, operation, head) }
        if let member = shape.payload.flatMap(shape.member) {
            return payload(member, reply, head)
        }
        if model.wire == .json {
            return json(JSONBody(model: model).write(reply.output, as: shape).encoded(), head)
        }
        let members = shape.members.filter { $0.location == nil }
        guard !members.isEmpty || model.wire == .restJSON && head.status == 200 else {
            return Response(head: head)
        }
        if model.wire == .restJSON {
            let body = JSONBody(model: model).write(reply.output, as: shape)
            return json(body.encoded(), head)
        }
        return xml(reply.output, shape, named: shape.name, head)
    }

    private func bodyless(
        _ operation: Operation,
        _ reply: APIReply,
        _ head: ResponseHead
    ) -> Response {
        if model.wire == .json { return json(Array("{}".utf8), head) }
        guard model.wire == .query else { return Response(head: head) }
        return formResponse(reply, nil, operation, head)
    }

    private func bind(_ output: JSONValue, _ shape: Shape, to head: inout ResponseHead) {
        for member in shape.members where member.location == .header {
            guard let value = output[member.name], !value.isNull else { continue }
            head.headers.append(member.wireName, value.string ?? value.text)
        }
    }

    private func payload(_ member: Member, _ reply: APIReply, _ head: ResponseHead) -> Response {
        let shape = model.shape(member.shape)
        switch shape.kind {
        case .structure:
            let value = reply.output[member.name] ?? [:]
            if model.wire == .restJSON {
                return json(JSONBody(model: model).write(value, as: shape).encoded(), head)
            }
            return xml(value, shape, named: member.wireName, head)
        case .string:
            let text = reply.output[member.name]?.string ?? ""
            return Response(head: head, body: .bytes(Array(text.utf8)[...]))
        default:
            return Response(head: head, body: .bytes(reply.payload[...]))
        }
    }

    private func json(_ bytes: [UInt8], _ head: ResponseHead) -> Response {
        var head = head
        let type = model.wire == .json ? "application/x-amz-json-1.1" : "application/json"
        head.headers.append("Content-Type", type)
        return Response(head: head, body: .bytes(bytes[...]))
    }

    private func xml(
        _ value: JSONValue,
        _ shape: Shape,
        named name: String,
        _ head: ResponseHead
    ) -> Response {
        var head = head
        head.headers.append("Content-Type", "text/xml")
        var writer = XMLWriter()
        writer.declaration()
        let namespace = "http://\(model.service).amazonaws.com/doc/\(model.version)/"
        XMLBody(model: model).write(
            value,
            as: shape,
            named: name,
            namespace: namespace,
            to: &writer
        )
        return Response(head: head, body: .bytes(writer.bytes[...]))
    }

    private func formResponse(
        _ reply: APIReply,
        _ shape: Shape?,
        _ operation: Operation,
        _ head: ResponseHead
    ) -> Response {
        var head = head
        head.headers.append("Content-Type", "text/xml")
        var writer = XMLWriter()
        let root = operation.name + "Response"
        let wrapper = operation.resultWrapper ?? operation.name + "Result"
        writer.open(root, namespace: model.xmlNamespace)
        writer.open(wrapper)
        if let shape, let object = reply.output.object {
            XMLBody(model: model).members(object, of: shape, to: &writer)
        }
        writer.close(wrapper)
        writer.open("ResponseMetadata")
        writer.element("RequestId", id)
        writer.close("ResponseMetadata")
        writer.close(root)
        return Response(head: head, body: .bytes(writer.bytes[...]))
    }
}
