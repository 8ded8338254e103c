import DataPlane
import Edge
import Synchronization

/// The doors and origins of one snapshot that were asked for, so that each is worked out once.
final class FoundDoors: Sendable {
    /// What names an origin's place.
    struct Place: Hashable {
        var domain: String
        var port: Int
        var isTLS: Bool
    }

    /// How many places are remembered; functions may name any number of them.
    static let maximumPlaces = 4096

    private struct State {
        var doors: [DoorKey: any ExchangeHandler] = [:]
        var targets: [Place: OriginTarget] = [:]
    }
    private let state = Mutex(State())

    func door(_ key: DoorKey) -> (any ExchangeHandler)? { state.withLock { $0.doors[key] } }

    /// Keeps a door unless another thread was faster; gives the one that is kept.
    func keep(_ door: any ExchangeHandler, as key: DoorKey) -> any ExchangeHandler {
        state.withLock { state in
            if let known = state.doors[key] { return known }
            state.doors[key] = door
            return door
        }
    }

    func target(_ place: Place) -> OriginTarget? {
        state.withLock { $0.targets[place] }
    }

    func keep(_ target: OriginTarget, as place: Place) -> OriginTarget {
        state.withLock { state in
            if state.targets.count >= Self.maximumPlaces { state.targets = [:] }
            state.targets[place] = target
            return target
        }
    }
}
