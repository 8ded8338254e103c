import JSON
import Model
import Registry

/// The API of API Gateway's REST APIs (`apigateway`): what templates brought in can be read; every change is
/// answered with AWS's error.
struct RESTGatewayService: APIService {
    let ledger: Ledger

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "GetRestApis":
            let apis = try await ledger.snapshot().restAPIs.values.sorted { $0.id < $1.id }
            return APIReply(["items": .array(apis.map(Self.shown))])
        case "GetRestApi":
            let id = call.text("restApiId")
            guard let api = try await ledger.snapshot().restAPIs[id] else {
                throw GatewayService.missing("API", id)
            }
            return APIReply(Self.shown(api))
        case "GetApiKeys", "GetUsagePlans", "GetDomainNames", "GetVpcLinks":
            return APIReply(["items": []])
        case "GetAccount":
            return APIReply(["throttleSettings": ["burstLimit": 5000, "rateLimit": 10_000]])
        default:
            throw GatewayService.bad("\(call.operation.name) is not supported here.")
        }
    }

    private static func shown(_ api: RESTAPI) -> JSONValue {
        ["id": .string(api.id), "name": .string(api.name)]
    }
}
