import ArgumentParser
import Executor

/// How far functions are kept apart.
struct IsolationOptions: ParsableArguments {
    @Option(
        name: .customLong("isolation"),
        help: ArgumentHelp(
            "How far functions are kept apart. process: a process group and, where possible, a /tmp of its own; "
                + "namespaces: no other function's files; no-network: nor any network but its own loopback."
        )
    )
    var level = IsolationLevel.process

    @Flag(
        name: .customLong("cpu-share"),
        help:
            "Gives functions processor time by their memory, as AWS does: one processor for each 1,769 MB."
    )
    var sharesProcessors = false

    /// Puts what the flags say where a node reads it.
    func apply(to configuration: inout NodeConfiguration) {
        configuration.isolation = level
        configuration.sharesProcessors = sharesProcessors
    }
}

extension IsolationLevel: ExpressibleByArgument {}
