import Reactor

/// How many environments load their functions at once on one reactor.
///
/// Hundreds of programs that start together take turns on the same cores until all of them have run out of their time,
/// and are started once more. In turns of a few each is ready soon. One that takes longer than `patience` mostly waits
/// for something else than a core and lets the next one in. Confined to its reactor.
final class LoadingGate {
    /// How many load at once.
    static let limit = 32
    /// How long one keeps its place while it loads.
    static let patience: Duration = .milliseconds(500)

    /// The place of one that loads.
    final class Place {
        fileprivate var timer: TimerID?
        fileprivate var isLeft = false
    }

    private let reactor: Reactor
    private let patience: Duration
    private var free: Int
    private var isOpen = false
    // Those before `first` have been let in.
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var first = 0

    init(reactor: Reactor, limit: Int = limit, patience: Duration = patience) {
        self.reactor = reactor
        self.patience = patience
        free = limit
    }

    /// How many wait for their turn.
    var waiting: Int { waiters.count - first }

    /// Waits for a place; those who came first get theirs first.
    func enter() async -> Place {
        if free > 0, waiting == 0 || isOpen {
            free -= 1
        } else if !isOpen {
            // Whoever leaves hands its place on.
            await withUnsafeContinuation { waiters.append($0) }
        }
        let place = Place()
        place.timer = reactor.schedule(at: reactor.preciseTime + patience) { [weak self] in
            place.timer = nil
            self?.leave(place)
        }
        return place
    }

    /// Gives a place back, once.
    func leave(_ place: Place) {
        if let timer = place.timer { reactor.cancel(timer) }
        place.timer = nil
        guard !place.isLeft else { return }
        place.isLeft = true
        guard waiting > 0 else {
            free += 1
            return
        }
        let next = waiters[first]
        first += 1
        if first == waiters.count {
            waiters = []
            first = 0
        }
        next.resume()
    }

    /// Lets everyone in, now and from now on: what waits is about to learn that there is nothing to load any more.
    func open() {
        isOpen = true
        let rest = waiters[first...]
        waiters = []
        first = 0
        for waiter in rest { waiter.resume() }
    }
}
