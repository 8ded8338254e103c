import Model

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

    /// Makes the state of a node that has served nothing yet.
    package init() {}
}
