import DataPlane
import HTTP
import JSON

/// The route of the Telemetry API, version 2022-07-01.
///
/// Confined to its reactor.
struct TelemetryRoutes {
    /// The largest body of a subscription.
    ///
    /// Unit: bytes.
    private static let largestBody = 64 << 10

    let extensions: ExtensionDesk
    let telemetry: TelemetryDesk

    /// `PUT /2022-07-01/telemetry`; `note` is told of each subscription.
    func respond(
        _ exchange: Exchange,
        _ note: (ExtensionMember, TelemetrySubscription) -> Void
    ) async -> Response {
        let member: ExtensionMember
        switch ExtensionRoutes.caller(exchange, extensions) {
        case .refused(let response): return response
        case .member(let found): member = found
        }
        guard telemetry.isOpen else {
            return RuntimeReplies.error(
                403,
                "Telemetry.SubscriptionClosed",
                "Telemetry API subscription is closed"
            )
        }
        guard
            case .complete(let bytes, _) = await RuntimeBody.read(
                exchange.body,
                limit: Self.largestBody
            ), let document = try? JSONValue.parse(bytes)
        else { return Self.invalid("The body is not JSON") }
        do throws(TelemetrySubscription.Refusal) {
            let subscription = try TelemetrySubscription(document)
            telemetry.subscribe(subscription, as: member.id)
            note(member, subscription)
            return Response(status: 200, contentType: "application/json", text: "\"OK\"")
        } catch {
            return Self.invalid(error.message)
        }
    }

    private static func invalid(_ message: String) -> Response {
        RuntimeReplies.error(400, "ValidationError", message)
    }
}
