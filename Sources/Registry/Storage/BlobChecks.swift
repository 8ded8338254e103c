import Crypto

/// The digests of a blob's pieces: a part of it is verified without the rest.
struct BlobChecks: Equatable {
    /// How many bytes each piece has, but for the last.
    var chunk = StoreLimits.chunkBytesLimit
    /// 32 bytes for each piece, in order.
    var digests: [UInt8] = []

    /// Which pieces hold these bytes.
    func pieces(of range: Range<Int>) -> Range<Int> {
        range.isEmpty
            ? 0..<0 : range.lowerBound / chunk..<(range.upperBound + chunk - 1) / chunk
    }

    func isWhole(_ bytes: ArraySlice<UInt8>, piece: Int) -> Bool {
        guard (piece + 1) * 32 <= digests.count else { return false }
        return Digest.sha256(Array(bytes)) == Array(digests[piece * 32..<(piece + 1) * 32])
    }
}

/// Cuts what is appended into pieces of bounded size and digests them and the whole.
struct BlobCutter {
    private(set) var checks = BlobChecks()
    private(set) var size = 0
    private var piece: [UInt8] = []
    private let whole = SHA256Hasher()

    /// Takes bytes; calls back with each piece that is full.
    mutating func append(
        _ bytes: ArraySlice<UInt8>,
        _ emit: (_ index: Int, _ piece: [UInt8]) throws -> Void
    ) throws {
        guard size + bytes.count <= StoreLimits.blobLimit else {
            throw RegistryError(
                .invalid,
                "code of more than \(StoreLimits.blobLimit) bytes cannot be kept"
            )
        }
        size += bytes.count
        var rest = bytes
        while !rest.isEmpty {
            let fitting = rest.prefix(checks.chunk - piece.count)
            piece.append(contentsOf: fitting)
            rest = rest[fitting.endIndex...]
            if piece.count == checks.chunk { try flush(emit) }
        }
    }

    /// Gives the last piece and returns the digest of all.
    mutating func finish(_ emit: (_ index: Int, _ piece: [UInt8]) throws -> Void) throws -> String {
        if !piece.isEmpty { try flush(emit) }
        return Digest.hex(whole.finalize())
    }

    private mutating func flush(_ emit: (Int, [UInt8]) throws -> Void) throws {
        let digest = Digest.sha256(piece)
        try emit(checks.digests.count / 32, piece)
        checks.digests += digest
        whole.update(piece)
        piece.removeAll(keepingCapacity: true)
    }
}
