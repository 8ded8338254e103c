import ArgumentParser
import Edge
import Foundation

/// Where large answers are kept beside memory.
struct DiskCacheOptions: ParsableArguments {
    @Option(help: "How much of large answers each edge keeps on disk, such as 10GiB; default none.")
    var diskCache: ByteSize?

    @Option(help: "The folder of answers on disk; default 'cache' in the state folder.")
    var diskCacheFolder: String?

    /// Nil when nothing is kept on disk.
    func settings(state: String) -> DiskCacheSettings? {
        diskCache.map { size in
            let folder = diskCacheFolder.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
            return DiskCacheSettings(bytes: size.bytes, folder: folder ?? state + "/cache")
        }
    }
}

/// What each edge keeps on disk.
struct DiskCacheSettings: Sendable {
    /// Unit: bytes, for each edge.
    var bytes: Int
    var folder: String

    /// The tier of an edge, in a folder of its own.
    func tier(edge: String, log: LogWriter) -> DiskTier {
        DiskTier(folder: folder + "/" + edge, byteLimit: bytes) { log.line($0) }
    }
}

/// A number of bytes as people write it: `1048576`, `512MiB`, `10G`.
struct ByteSize: ExpressibleByArgument, Sendable {
    /// The least that a cache on disk makes sense with.
    static let least = 16 << 20

    var bytes: Int

    init?(argument: String) {
        let digits = argument.prefix(while: \.isNumber)
        let units = ["": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = argument.dropFirst(digits.count).lowercased()
        if unit.hasSuffix("ib") {
            unit.removeLast(2)
        } else if unit.hasSuffix("b") {
            unit.removeLast()
        }
        guard let number = Int(digits), let shift = units[unit], number <= Int.max >> (shift + 1)
        else { return nil }
        bytes = number << shift
        guard bytes >= Self.least else { return nil }
    }
}
