import JSON
import Model

/// The few calls of the Security Token Service that tools make first.
struct TokenService: APIService {
    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        guard call.operation.name == "GetCallerIdentity" else {
            throw APIError(
                400,
                "InvalidAction",
                "\(call.operation.name) is not supported here."
            )
        }
        return APIReply([
            "UserId": .string(FunctionARN.account), "Account": .string(FunctionARN.account),
            "Arn": .string("arn:aws:iam::\(FunctionARN.account):root"),
        ])
    }
}
