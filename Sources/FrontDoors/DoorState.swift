package import Executor
import Model
import Synchronization

/// What the doors of a node keep from one snapshot to the next, shared by all reactors.
package final class DoorState: Sendable {
    /// The health of all targets.
    package let board = HealthBoard()
    let cookies = StickyCookies()
    let keySets = KeySets()
    let throttles = Throttles()
    let quotas = Quotas()
    let sockets = WebSocketConnections()
    let decisions = AuthorizerCache()

    private let keys = Mutex<SigningKeys?>(nil)

    /// The keys that callers must sign with where a door asks for signatures; nil takes any.
    var signingKeys: SigningKeys? { keys.withLock { $0 } }

    /// Has signatures checked from now on.
    package func check(with keys: SigningKeys) { self.keys.withLock { $0 = keys } }

    /// Makes the state of a node that has served nothing yet.
    package init() {}
}
