/// Why a call of an AWS service came to nothing.
package enum ServiceFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case noEndpoint(ServiceKind)
    case unreachable(String)
    /// With the code of the service's exception, such as `QueueDoesNotExist`.
    case refused(status: Int, code: String, message: String)

    /// What happened, as a sentence without its end.
    package var description: String {
        switch self {
        case .noEndpoint(let service): ServiceEndpoints.advice(service)
        case .unreachable(let detail): "the endpoint cannot be reached: \(detail)"
        case .refused(let status, let code, let message): "\(status) \(code): \(message)"
        }
    }

    /// Whether another attempt may fare better.
    var mayPass: Bool {
        switch self {
        case .noEndpoint: false
        case .unreachable: true
        case .refused(let status, let code, _): status >= 500 || code.contains("Throttl")
        }
    }

    /// Whether the call was refused with this exception.
    func isRefusal(_ code: String) -> Bool {
        if case .refused(_, let given, _) = self { given == code } else { false }
    }
}
