import Edge
import Executor
import Foundation

/// What one process is told from outside.
struct NodeConfiguration: Sendable {
    /// The most edges in one process.
    static let maximumEdges = 16
    /// The most reactors in one process.
    static let maximumReactors = 128
    /// Unit: bytes of cached answers per edge.
    static let cacheBytes = 256 << 20

    var state: String
    var addresses: [String]
    var httpsPort: Int
    var httpPort: Int
    var apiPort: Int
    var edges: [String]
    var reactors: Int
    var liftsProcessBudget: Bool
    var logsJSON: Bool
    /// Whether functions stand still between invocations.
    var freezes = false
    /// Whether processor time is divided by the functions' memory.
    var sharesProcessors = false
    /// How much code all versions of functions and layers may be.
    ///
    /// Unit: bytes.
    var codeStorage = 76_800 << 20
    /// Whether requests and new environments of a function are held to AWS's rates.
    var limitsRates = false
    /// How far functions are kept from each other and from the machine.
    var isolation = IsolationLevel.process
    /// What AWS leaves open, or what is seen more generously here.
    var edge = EdgeSettings()
    /// How distributions write their access logs.
    var accessLog = AccessLogFormat.w3c
    /// Whether a running node with the same state folder is asked to hand over.
    var takesOver = false
    /// The folder of the workers in the state folder.
    var workers = "workers"
    /// How viewers are let in.
    var care = ConnectionCare()
    /// What each edge keeps on disk; nil for nothing.
    var diskCache: DiskCacheSettings?

    /// Where segments of invocations go; nil leaves tracing off.
    var tracing: TraceDestination?

    /// The function, by name or logical id, to which a debugger may attach.
    var debug: String?
    /// Where it attaches; nil takes what tools try first.
    var debugPort: Int?

    /// The keys that API calls and doors with `AWS_IAM` must be signed with; nil takes any.
    var signingKeys: SigningKeys?

    /// The folder of the local authority: `certs` in the current folder if there is one, else in the state folder.
    var certificates: String {
        var isFolder: ObjCBool = false
        let local = FileManager.default.currentDirectoryPath + "/certs"
        if FileManager.default.fileExists(atPath: local, isDirectory: &isFolder), isFolder.boolValue
        {
            return local
        }
        return state + "/certs"
    }
}
