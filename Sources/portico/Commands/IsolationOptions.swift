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
}

extension IsolationLevel: ExpressibleByArgument {}
