import Crypto
import JSON
import Model

/// CloudFront Functions and key-value stores of a template become the records that the API keeps of them.
extension ResourceMapper {
    /// The most bytes of a function's code (CloudFront: "Quotas on CloudFront Functions").
    private static let maximumFunctionCode = 10_240

    func mapViewerFunction(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("Name"), let code = fields.required("FunctionCode"),
            let config = fields.fields("FunctionConfig")
        else { return }
        if !Self.isFunctionName(name) {
            fields.error("Name", "a name has 1 to 64 letters, digits, - and _")
        }
        if code.utf8.count > Self.maximumFunctionCode {
            let message = "the code has more than \(Self.maximumFunctionCode) bytes"
            fields.refuse("FunctionCode", .quota, message)
        }
        guard let settings = functionConfig(config) else { return }
        let isPublished = fields.bool("AutoPublish") ?? false
        keep(name, code, settings, isPublished, as: "cloudfront/function/\(name)")
    }

    /// A function that decides about connections.
    ///
    /// Source: "CloudFront Connection Functions".
    func mapConnectionFunction(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("Name"),
            let code = fields.required("ConnectionFunctionCode"),
            let config = fields.fields("ConnectionFunctionConfig")
        else { return }
        if !Self.isFunctionName(name) {
            fields.error("Name", "a name has 1 to 64 letters, digits, - and _")
        }
        if code.utf8.count > Self.maximumFunctionCode {
            let message = "the code has more than \(Self.maximumFunctionCode) bytes"
            fields.refuse("ConnectionFunctionCode", .quota, message)
        }
        guard let settings = functionConfig(config) else { return }
        if settings["Runtime"]?.string != "cloudfront-js-2.0" {
            config.error("Runtime", "a connection function is of cloudfront-js-2.0")
        }
        let id = ConnectionFunctionRecord.key(evaluator.primaryID(resource))
        keep(name, code, settings, fields.bool("AutoPublish") ?? false, as: id)
    }

    private func keep(
        _ name: String,
        _ code: String,
        _ settings: JSONValue,
        _ isPublished: Bool,
        as id: String
    ) {
        var content = JSONObject()
        content["Config"] = settings
        content["Code"] = .string(Base64.encode(Array(code.utf8)))
        let version = Digest.hex(Digest.sha256(JSONValue.object(content).text))
        let path = id.dropFirst("cloudfront/".count)
        content["ETag"] = .string(evaluator.ids.distribution("\(path)/\(version)"))
        var record = JSONObject()
        record["Name"] = .string(name)
        record["Development"] = .object(content)
        if isPublished { record["Live"] = .object(content) }
        made.append(.record(id: id, document: JSONValue.object(record).text))
    }

    /// The function that decides about a distribution's connections.
    func connectionFunction(_ config: Fields, _ distribution: Distribution) -> String? {
        guard let fields = config.fields("ConnectionFunctionAssociation") else { return nil }
        defer { fields.finish() }
        guard let id = fields.required("Id") else { return nil }
        guard let owner = resource("AWS::CloudFront::ConnectionFunction", id) else {
            fields.error("Id", "there is no connection function \(id) in this template")
            return nil
        }
        let properties =
            evaluator.resolve(owner.properties, owner.path + ".Properties") ?? owner.properties
        if properties["AutoPublish"]?.text?.lowercased() != "true" {
            fields.refuse("Id", .viewerFunctionStage)
        }
        if distribution.viewerAuthentication == nil {
            fields.error("Id", "a connection function wants ViewerMtlsConfig")
        }
        return id
    }

    private func functionConfig(_ config: Fields) -> JSONValue? {
        defer { config.finish() }
        var settings = JSONObject()
        settings["Comment"] = .string(config.string("Comment") ?? "")
        guard let runtime = config.required("Runtime") else { return nil }
        settings["Runtime"] = .string(runtime)
        let stores = config.each("KeyValueStoreAssociations").compactMap { fields in
            defer { fields.finish() }
            return fields.required("KeyValueStoreARN")
        }
        if stores.count > 1 {
            let message = "a function has at most one key value store"
            config.refuse("KeyValueStoreAssociations", .quota, message)
        }
        for store in stores where !hasStore(store) {
            let message = "there is no key value store \(store) in this template"
            config.error("KeyValueStoreAssociations", message)
        }
        if !stores.isEmpty, runtime == "cloudfront-js-1.0" {
            let message = "key value stores are read by cloudfront-js-2.0 only"
            config.error("KeyValueStoreAssociations", message)
        }
        var list = JSONObject()
        list["Quantity"] = .integer(stores.count)
        if !stores.isEmpty {
            list["Items"] = .array(stores.map { ["KeyValueStoreARN": .string($0)] })
        }
        settings["KeyValueStoreAssociations"] = .object(list)
        return .object(settings)
    }

    private func hasStore(_ arn: String) -> Bool {
        evaluator.resources.values.contains {
            $0.type == "AWS::CloudFront::KeyValueStore" && evaluator.storeARN($0) == arn
        }
    }

    private static func isFunctionName(_ name: String) -> Bool {
        1...64 ~= name.utf8.count
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || "-_".contains($0) }
    }

    func mapKeyValueStore(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("Name") else { return }
        let arn = evaluator.storeARN(resource)
        var record = JSONObject()
        record["Name"] = .string(name)
        record["Id"] = .string(arn.split(separator: "/").last.map(String.init) ?? "")
        record["Comment"] = .string(fields.string("Comment") ?? "")
        record["ARN"] = .string(arn)
        if let source = fields.fields("ImportSource") {
            record["Pairs"] = .object(imported(source))
        }
        let version = Digest.hex(Digest.sha256(JSONValue.object(record).text))
        record["ETag"] = .string(evaluator.ids.distribution("store/\(name)/\(version)"))
        record["ContentETag"] = .string(evaluator.ids.distribution("pairs/\(name)/\(version)"))
        let id = "cloudfront/key-value-store/\(name)"
        made.append(.record(id: id, document: JSONValue.object(record).text))
    }

    private func imported(_ source: Fields) -> JSONObject {
        defer { source.finish() }
        _ = source.required("SourceType")
        var pairs = JSONObject()
        guard let arn = source.required("SourceArn") else { return pairs }
        guard let place = KeyValueImport(arn: arn) else {
            source.error("SourceArn", "an object such as arn:aws:s3:::bucket/key is wanted here")
            return pairs
        }
        let folder = buckets[place.bucket] ?? folders.buckets + "/" + place.bucket
        do throws(KeyValueImport.Failure) {
            for (key, value) in try KeyValueImport.pairs(of: place.file(in: folder)) {
                pairs[key] = .string(value)
            }
        } catch {
            source.error("SourceArn", "\(place.file(in: folder)): \(error)")
        }
        return pairs
    }

    /// The CloudFront Functions at the events of a behaviour, checked beside its Lambda functions.
    func viewerFunctions(
        _ fields: Fields,
        beside lambda: [EdgeFunctionAssociation]
    ) -> [ViewerFunctionAssociation]? {
        let result = fields.each("FunctionAssociations").compactMap(viewerFunction)
        if Set(result.map(\.event)).count < result.count {
            fields.refuse("FunctionAssociations", .functionEventTwice)
        }
        let hasLambda = lambda.contains {
            $0.event == .viewerRequest || $0.event == .viewerResponse
        }
        if !result.isEmpty, hasLambda {
            fields.refuse("FunctionAssociations", .viewerFunctionMixed)
        }
        return result.isEmpty ? nil : result
    }

    private func viewerFunction(_ fields: Fields) -> ViewerFunctionAssociation? {
        defer { fields.finish() }
        guard let event = fields.required("EventType"), let arn = fields.required("FunctionARN")
        else { return nil }
        guard let event = EdgeEvent(rawValue: event),
            event == .viewerRequest || event == .viewerResponse
        else {
            fields.refuse("EventType", .viewerFunctionEvent)
            return nil
        }
        let owner = evaluator.resources.values.first {
            $0.type == "AWS::CloudFront::Function" && evaluator.primaryID($0) == arn
        }
        guard let owner else {
            fields.error("FunctionARN", "there is no function \(arn) in this template")
            return nil
        }
        let path = owner.path + ".Properties"
        let properties = evaluator.resolve(owner.properties, path) ?? owner.properties
        if properties["AutoPublish"]?.text?.lowercased() != "true" {
            fields.refuse("FunctionARN", .viewerFunctionStage)
        }
        return ViewerFunctionAssociation(event: event, arn: arn)
    }
}
