import Reactor

/// A running external extension.
///
/// Confined to its reactor.
final class ExtensionProcess {
    let name: String
    let child: ChildProcess
    private var outputs: [ProcessOutput] = []
    private let onEnd: (ExtensionProcess) -> Void

    /// Watches a program that was just started; `write` gets its lines, `onEnd` how it ended.
    init(
        _ name: String,
        _ child: ChildProcess,
        reactor: Reactor,
        write: @escaping (String) -> Void,
        onEnd: @escaping (ExtensionProcess) -> Void
    ) {
        self.name = name
        self.child = child
        self.onEnd = onEnd
        for pipe in [child.output, child.errors] {
            let output = ProcessOutput(pipe, write: write)
            outputs.append(output)
            let confined = ReactorLocal(output)
            reactor.submit { await confined.value.run() }
        }
        let confined = ReactorLocal(self)
        reactor.submit { await confined.value.watch() }
    }

    private func watch() async {
        _ = await child.waitForExit()
        takeLastWords()
        onEnd(self)
        child.close()
    }

    /// How it ended, in Lambda's words.
    var exitText: String {
        switch child.exit {
        case nil, .status(0)?: "exited without providing a reason"
        case .status(let code)?: "exit status \(code)"
        case .signal(let number)?: "signal: \(System.signalName(number))"
        }
    }

    private func takeLastWords() {
        for output in outputs {
            output.drain()
            output.flush()
        }
    }
}
