import Model
import Reactor

/// The command line of a process that speaks the Runtime API.
struct ProvidedRuntime {
    var program: String
    var arguments: [String]
    var directory: String

    /// What to run for a version, or why nothing can.
    ///
    /// Source: "Using Lambda's OS-only runtimes": an executable `bootstrap` in the code or in a layer.
    static func find(
        _ identity: FunctionIdentity,
        path: String
    ) -> Result<ProvidedRuntime, LoadFailure> {
        guard let image = identity.version.image else { return bootstrap(identity) }
        let line = image.entryPoint + image.command
        let directory = image.workingDirectory ?? identity.taskRoot
        guard let first = line.first else {
            return refused("The function has neither an entry point nor a command.")
        }
        guard System.isFolder(directory) else {
            let text = "The working directory \(directory) does not exist."
            return .failure(LoadFailure(type: "Runtime.InvalidWorkingDir", message: text))
        }
        let program: String?
        if first.hasPrefix("/") {
            program = System.isExecutable(first) ? first : nil
        } else if first.contains("/") {
            let file = directory + "/" + first
            program = System.isExecutable(file) ? file : nil
        } else {
            program = System.find(
                first,
                in: identity.variables(logStream: "", path: path)["PATH"] ?? path
            )
        }
        guard let program else { return refused("The entry point \(first) cannot be executed.") }
        return .success(
            ProvidedRuntime(
                program: program,
                arguments: Array(line.dropFirst()),
                directory: directory
            )
        )
    }

    private static func bootstrap(
        _ identity: FunctionIdentity
    ) -> Result<ProvidedRuntime, LoadFailure> {
        let places = [identity.taskRoot] + identity.layerRoots.reversed()
        for folder in places where System.isExecutable(folder + "/bootstrap") {
            return .success(
                ProvidedRuntime(
                    program: folder + "/bootstrap",
                    arguments: [],
                    directory: identity.taskRoot
                )
            )
        }
        return refused(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]. "
                + RuntimeKind.provided.advice
        )
    }

    private static func refused(_ text: String) -> Result<ProvidedRuntime, LoadFailure> {
        .failure(LoadFailure(type: "Runtime.InvalidEntrypoint", message: text))
    }
}
