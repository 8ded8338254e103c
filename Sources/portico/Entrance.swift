import DataPlane
import FrontDoors
import Synchronization

/// What the listeners know before their ports, and so the doors, are known.
final class Entrance: ExchangeHandler {
    private let doors = AtomicLazyReference<FrontDoors>()

    /// Lets requests through to the doors; the first call counts.
    func open(_ doors: FrontDoors) { _ = self.doors.storeIfNil(doors) }

    /// Whether a certificate may be made for this name.
    func serves(_ name: String) -> Bool { doors.load()?.serves(name) ?? false }

    func respond(to exchange: inout Exchange) async -> Response {
        guard let doors = doors.load() else {
            return Response(status: 503, text: "starting\n")
        }
        return await doors.respond(to: &exchange)
    }
}
