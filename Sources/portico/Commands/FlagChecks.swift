import ArgumentParser

/// What several verbs ask of the same flags.
enum FlagChecks {
    /// Throws unless each is the number of a port, or 0.
    static func ports(_ ports: Int...) throws {
        for port in ports where !(0...65535).contains(port) {
            throw ValidationError("\(port) is not a port: use 0 to 65535")
        }
    }

    /// Throws unless `--reactors` is left out or within its bounds.
    static func reactors(_ count: Int?) throws {
        if let count, !(1...NodeConfiguration.maximumReactors).contains(count) {
            throw ValidationError("--reactors takes 1 to \(NodeConfiguration.maximumReactors)")
        }
    }
}
