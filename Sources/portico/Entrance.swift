import DataPlane
import FrontDoors
import Synchronization
import TLS

/// What the listeners know before their ports, and so the doors, are known.
final class Entrance: ExchangeHandler {
    private let doors = AtomicLazyReference<FrontDoors>()

    /// Lets requests through to the doors; the first call counts.
    func open(_ doors: FrontDoors) { _ = self.doors.storeIfNil(doors) }

    /// Whether a certificate may be made for this name.
    func serves(_ name: String) -> Bool { doors.load()?.serves(name) ?? false }

    /// What viewers may speak who ask for this name.
    func connectionRules(for name: String) -> ServerNameRules? {
        doors.load()?.connectionRules(for: name)
    }

    func admit(_ opening: ConnectionOpening) -> ConnectionVerdict {
        doors.load()?.admit(opening) ?? .admitted(id: nil)
    }

    func handler(for exchange: inout Exchange) -> any ExchangeHandler {
        doors.load()?.handler(for: &exchange) ?? self
    }

    func respond(to exchange: inout Exchange) async -> Response {
        Response(status: 503, text: "starting\n")
    }
}
