import JSON

/// The operations and shapes of one AWS service, read from the generated text.
struct ServiceModel: Sendable {
    /// The wire protocols of the services here.
    enum WireProtocol: String, Sendable {
        case restJSON = "rest-json"
        case restXML = "rest-xml"
        case query
        /// One path, with the operation in a field of the head.
        case json
    }

    let service: String
    let wire: WireProtocol
    /// The API version's date.
    let version: String
    /// The service's name in a SigV4 credential scope.
    let signingName: String
    let xmlNamespace: String?
    /// What stands before the operation's name in `X-Amz-Target`, of the JSON protocol.
    let target: String?
    let operations: [String: Operation]
    private let shapes: [String: Shape]
    /// By descending weight, for matching.
    private let ordered: [Operation]

    /// Reads a generated text; a line that cannot be read is a mistake of the generator.
    init(_ text: String) {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"))
        let head = lines.first.map { Self.json(Substring($0)) } ?? .null
        service = head["service"]?.string ?? ""
        wire = head["protocol"]?.string.flatMap(WireProtocol.init) ?? .restJSON
        version = head["version"]?.string ?? ""
        signingName = head["signing"]?.string ?? ""
        xmlNamespace = head["xmlNamespace"]?.string
        target = head["target"]?.string
        var operations: [String: Operation] = [:]
        var shapes: [String: Shape] = [:]
        for line in lines.dropFirst() {
            let fields = Substring(line).split(separator: " ", maxSplits: 2)
            guard fields.count == 3 else { continue }
            let name = String(fields[1])
            let json = Self.json(fields[2])
            if fields[0] == "o" {
                operations[name] = Operation(name: name, json)
            } else {
                shapes[name] = Shape(name: name, json)
            }
        }
        self.operations = operations
        self.shapes = shapes
        ordered = operations.values.sorted { left, right in
            left.weight == right.weight ? left.name < right.name : left.weight > right.weight
        }
    }

    private static func json(_ text: Substring) -> JSONValue {
        do { return try JSONValue.parse(Array(text.utf8)[...]) } catch {
            preconditionFailure("the generated service model is damaged: \(error)")
        }
    }

    /// A shape that the model defines.
    func shape(_ name: String) -> Shape {
        guard let shape = shapes[name] else {
            preconditionFailure("the service model \(service) lacks the shape \(name)")
        }
        return shape
    }

    /// The operation that `X-Amz-Target` names, of the JSON protocol.
    func operation(target text: String) -> Operation? {
        let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        return parts.count == 2 && parts[0] == target ? operations[parts[1]] : nil
    }

    /// Every shape, in no particular order.
    var allShapes: [Shape] { Array(shapes.values) }

    /// The exception with this code, when the model has one.
    func exception(_ code: String) -> Shape? {
        if let shape = shapes[code], shape.error != nil { return shape }
        return shapes.values.first { $0.error?.code == code }
    }

    /// The operation that method, path and query of a REST request mean, with its labels.
    func match(
        method: String,
        path: String,
        query: Query
    ) -> (operation: Operation, labels: [String: String])? {
        let segments = path.split(separator: "/")
        for operation in ordered where operation.method == method {
            if let labels = operation.labels(path: segments, query: query) {
                return (operation, labels)
            }
        }
        return nil
    }
}

extension ServiceModel {
    static let lambda = ServiceModel(GeneratedModels.lambda)
    static let cloudFront = ServiceModel(GeneratedModels.cloudFront)
    static let keyValueStore = ServiceModel(GeneratedModels.keyValueStore)
    static let loadBalancing = ServiceModel(GeneratedModels.loadBalancing)
    static let gatewayV2 = ServiceModel(GeneratedModels.gatewayV2)
    static let gatewayV1 = ServiceModel(GeneratedModels.gatewayV1)
    static let eventBridge = ServiceModel(GeneratedModels.eventBridge)
    static let cloudWatchLogs = ServiceModel(GeneratedModels.cloudWatchLogs)
    static let identity = ServiceModel(GeneratedModels.identity)
    static let tokenService = ServiceModel(GeneratedModels.tokenService)

    /// Reads all of them before a call does.
    static func readAll() {
        for model in [
            lambda, cloudFront, keyValueStore, loadBalancing, gatewayV2, gatewayV1, eventBridge,
            cloudWatchLogs, identity, tokenService,
        ] { withExtendedLifetime(model) {} }
    }
}
