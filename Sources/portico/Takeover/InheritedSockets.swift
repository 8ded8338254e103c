import Foundation
import Synchronization

/// The listening sockets that a running node has handed over, until the listeners of this one have them.
final class InheritedSockets: Sendable {
    /// What a listener is for.
    enum Kind: String, Codable, Sendable { case https, http, api }

    /// The sockets of one listener.
    struct Group: Codable, Sendable {
        var kind: Kind
        var address: String
        var port: Int
        /// How many of the descriptors that follow are its sockets.
        var count: Int
    }

    private struct Held {
        var group: Group
        var sockets: [Int32]
    }

    private let held: Mutex<[Held]>

    /// Nothing handed over.
    static let none = InheritedSockets([], descriptors: [])

    /// Spreads descriptors over their groups, in order.
    init(_ groups: [Group], descriptors: [Int32]) {
        var rest = descriptors[...]
        held = Mutex(
            groups.map { group in
                defer { rest = rest.dropFirst(group.count) }
                return Held(group: group, sockets: Array(rest.prefix(group.count)))
            }
        )
    }

    deinit { closeRest() }

    /// The sockets of a listener; port 0 means whichever port the running node had.
    func take(_ kind: Kind, at address: String, port: Int) -> [Int32] {
        held.withLock { held in
            let place = held.firstIndex {
                $0.group.kind == kind && $0.group.address == address
                    && (port == 0 || port == $0.group.port)
            }
            return place.map { held.remove(at: $0).sockets } ?? []
        }
    }

    /// Closes what no listener has asked for: it is not listened there any more.
    func closeRest() {
        let rest = held.withLock { held in
            defer { held = [] }
            return held.flatMap(\.sockets)
        }
        for descriptor in rest { close(descriptor) }
    }
}
