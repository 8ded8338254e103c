import Foundation
import JSON
import Model

/// What only this machine has: where origins and buckets are, what to start beside the stack.
extension ResourceMapper {
    /// Reads `Metadata: Portico:`.
    func readMetadata() {
        guard let node = evaluator.root["Metadata"]?["Portico"] else { return }
        let path = "Metadata.Portico"
        guard node.isMap else { return evaluator.error(node, path, "a map is wanted here") }
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            let value = evaluator.resolve(entry.value, place) ?? entry.value
            guard value.isMap || value.isNull else {
                evaluator.error(value, place, "a map is wanted here")
                continue
            }
            switch entry.key {
            case "Origins": readOrigins(value, place)
            case "Buckets": readBuckets(value, place)
            case "Start": readStarts(value, place)
            case "Locations": readLocations(value, place)
            case "Endpoints": readEndpoints(value, place)
            case "Streams": readStreams(value, place)
            default:
                let message =
                    "there is no setting \(entry.key); Origins, Buckets, Start, Locations, Endpoints "
                    + "and Streams are"
                evaluator.report(.error, entry.line, entry.column, place, message)
            }
        }
        for (domain, url) in origins.sorted(by: { $0.key < $1.key }) {
            made.append(.originOverride(domainName: domain, url: url))
        }
        for (name, folder) in buckets.sorted(by: { $0.key < $1.key }) {
            made.append(.bucket(name: name, folder: folder))
        }
    }

    /// Blocks of addresses and what is known of viewers from there.
    private func readLocations(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            guard AddressBlock(entry.key) != nil else {
                let message = "\(entry.key) is no block of addresses such as 192.0.2.0/24"
                evaluator.error(entry.value, place, message)
                continue
            }
            guard let text = entry.value.text, ViewerPreset(text) != nil else {
                let message = "something like country=DE; city=Berlin is wanted here"
                evaluator.error(entry.value, place, message)
                continue
            }
            made.append(.location(block: entry.key, facts: text))
        }
    }

    /// The host names of AWS services that others may answer for.
    private static let services = [
        "sqs": "sqs.amazonaws.com", "sns": "sns.amazonaws.com", "s3": "s3.amazonaws.com",
        "events": "events.amazonaws.com", "kinesis": "kinesis.amazonaws.com",
        "dynamodb": "streams.dynamodb.amazonaws.com",
    ]

    /// Where AWS services are that functions' events come from and go to.
    private func readEndpoints(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            guard let host = Self.services[entry.key] else {
                let known = Self.services.keys.sorted().joined(separator: ", ")
                let message = "there is no service \(entry.key) here; \(known) are"
                evaluator.report(.error, entry.line, entry.column, place, message)
                continue
            }
            if let text = url(entry.value, place) { origins[host] = text }
        }
    }

    private func url(_ node: TemplateNode, _ place: String) -> String? {
        guard let text = node.text, let url = URL(string: text),
            ["http", "https"].contains(url.scheme ?? ""), url.host?.isEmpty == false,
            (0...65_535).contains(url.port ?? 0)
        else {
            evaluator.error(node, place, "a URL such as http://127.0.0.1:3000 is wanted here")
            return nil
        }
        return text
    }

    private func readOrigins(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            if let text = url(entry.value, place) { origins[entry.key] = text }
        }
    }

    private func readBuckets(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            guard let text = entry.value.text, !text.isEmpty else {
                evaluator.error(entry.value, place, "a folder is wanted here")
                continue
            }
            let folder = absolute(text)
            var isFolder: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder)
            if exists, !isFolder.boolValue {
                evaluator.error(entry.value, place, "\(folder) is no folder")
                continue
            }
            if !exists {
                evaluator.warning(entry.value, place, "there is no folder \(folder) yet")
            }
            buckets[entry.key] = folder
        }
    }

    private func readStarts(_ node: TemplateNode, _ path: String) {
        if node.entries.count > StartCommand.maximum {
            evaluator.error(node, path, "\(StartCommand.maximum) commands are the most")
        }
        for entry in node.entries {
            let place = "\(path).\(entry.key)"
            let fields = Fields(entry.value, place, evaluator)
            let command = fields.required("Command")
            if !fields.has("Port") { fields.error("Port", "Port is required") }
            let port = fields.int("Port", in: 1...65_535, "ports")
            for key in entry.value.entries where key.key != "Command" && key.key != "Port" {
                let message = "there is no setting \(key.key); Command and Port are"
                evaluator.report(.error, key.line, key.column, "\(place).\(key.key)", message)
            }
            if let port, let twin = starts.first(where: { $0.port == port }) {
                fields.error("Port", "\(twin.name) has the port \(port) already")
            }
            if let command, let port {
                starts.append(StartCommand(name: entry.key, command: command, port: port))
            }
        }
    }

    /// A bucket of the template: its folder from the metadata, else one in the state folder.
    func mapBucket(_ resource: ResourceEntry) {
        let fields = fields(resource)
        let given = fields.string("BucketName")
        fields.finish()
        let name = evaluator.bucketName(resource)
        if given != nil, !Self.isBucketName(name) {
            let message = "a bucket's name has 3 to 63 of a-z, 0-9, - and ."
            fields.error("BucketName", message)
        }
        guard buckets[name] == nil else { return }
        let folder = folders.buckets + "/" + name
        buckets[name] = folder
        made.append(.bucket(name: name, folder: folder))
        evaluator.report(
            .note,
            resource.line,
            resource.column,
            resource.path,
            "the bucket \(name) is the folder \(folder); Metadata.Portico.Buckets can name another"
        )
    }

    /// Keeps a bucket's policy: who may list the bucket learns what is missing in it.
    func mapBucketPolicy(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let bucket = fields.required("Bucket") else { return }
        guard let policy = fields.value("PolicyDocument") else {
            return fields.error("PolicyDocument", "PolicyDocument is required")
        }
        let document = policy.text ?? JSONText.write(policy)
        guard (try? JSONValue.parse(document))?["Statement"] != nil else {
            return fields.error("PolicyDocument", "a policy with statements is wanted here")
        }
        made.append(.record(id: BucketPolicyRecord.key(bucket), document: document))
    }

    private static func isBucketName(_ name: String) -> Bool {
        (3...63).contains(name.utf8.count) && !name.contains("..")
            && name.allSatisfy {
                $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-" || $0 == ".")
            }
            && name.first?.isPunctuation == false && name.last?.isPunctuation == false
    }
}
