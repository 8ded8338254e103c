import Templates

/// What a running node tells the process that takes over from it; descriptors follow in this order: the lock of
/// the state folder, the sockets of each listener, three for each web app.
struct Handover: Codable, Sendable {
    /// The version of these messages; processes of different versions do not take over from each other.
    static let currentVersion = 1
    /// The name of the socket in the state folder.
    static let socketName = "takeover.sock"
    /// How long either side waits for the other's next message while both are at work on it.
    static let answerWithin: Duration = .seconds(60)
    /// How long the new process may take until it serves; then the old one goes on as before.
    static let startWithin: Duration = .seconds(120)
    /// How long the old process lets its last exchanges and connections last.
    static let drainLimit: Duration = .seconds(60)
    /// How long idle connections stay open for one more request.
    static let idleLimit: Duration = .seconds(10)

    /// A web app that the running node has started.
    struct Application: Codable, Sendable {
        /// How many descriptors belong to it: its channel, its output and its errors.
        static let descriptors = 3

        var name: String
        var command: String
        var port: Int
        var pid: Int32

        /// What the template says of it.
        var start: StartCommand { StartCommand(name: name, command: command, port: port) }
    }

    var version = Self.currentVersion
    var pid: Int32
    var groups: [InheritedSockets.Group]
    var applications: [Application]
    /// The folder of the workers, in the state folder, that the running node goes on using.
    var workers: String

    /// How many descriptors follow.
    var descriptors: Int {
        1 + groups.reduce(0) { $0 + $1.count } + applications.count * Application.descriptors
    }

    /// A folder for the workers of the new process: until the old one has ended, both have some.
    var otherWorkers: String { workers == "workers" ? "workers-2" : "workers" }

    /// What the two sides say.
    enum Word {
        /// The new process asks for everything.
        static let request = "portico takeover 1"
        /// The new process serves: the old one may go.
        static let serving = "serving"
        /// The old process takes nothing more on.
        static let draining = "draining"
    }
}
