import DataPlane
import Executor
import Glibc
import Model
import Reactor

/// The executor alone: no door, no registry, no control plane.
///
/// usage: InvokeBench FOLDER MODE [COUNT]
///
/// FOLDER holds the code of the functions. One line per figure goes to standard output, `name value`.
@main
struct InvokeBench {
    static func main() async {
        let words = CommandLine.arguments
        guard words.count >= 3, let mode = Mode(rawValue: words[2]) else {
            let modes = Mode.allCases.map(\.rawValue).joined(separator: "|")
            print("usage: InvokeBench FOLDER \(modes) [COUNT]")
            exit(2)
        }
        signal(SIGPIPE, SIG_IGN)
        let count = words.count > 3 ? Int(words[3]) : nil
        let bench = ExecutorUnderTest(folder: words[1], mode: mode)
        switch mode {
        case .nodeFrames, .pythonFrames, .nodeAPI, .nodeHTTP, .pythonHTTP, .lambdaricAPI,
            .bootstrapAPI:
            await bench.latency(count: count ?? 5000)
        case .throughput: await bench.throughput(seconds: count ?? 5)
        case .coldNode, .coldPython: await bench.cold(count: count ?? 21)
        case .bareNode, .barePython: await bench.cold(count: count ?? 7)
        case .restorePython: await bench.restore(count: count ?? 51)
        case .many: await bench.many(functions: count ?? 100)
        }
        await bench.close()
    }

    enum Mode: String, CaseIterable {
        case nodeFrames = "node-frames"
        case pythonFrames = "python-frames"
        case nodeAPI = "node-api"
        case nodeHTTP = "node-http-api"
        case pythonHTTP = "python-http-api"
        case lambdaricAPI = "lambdaric-api"
        case bootstrapAPI = "bootstrap-api"
        case throughput
        case coldNode = "cold-node"
        case coldPython = "cold-python"
        case bareNode = "bare-node"
        case barePython = "bare-python"
        case restorePython = "restore-python"
        case many
    }
}
