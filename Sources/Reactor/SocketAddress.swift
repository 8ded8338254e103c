import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port.
package struct SocketAddress: Sendable {
    private var storage: sockaddr_storage

    /// No address at all.
    static let none = SocketAddress(storage: sockaddr_storage())

    private init(storage: sockaddr_storage) { self.storage = storage }

    /// Lets a system call fill an address; nil when the call says that it failed.
    init?(
        filledBy call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Bool
    ) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let filled = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        guard filled else { return nil }
        self.storage = storage
    }

    /// Copies an address that the system owns.
    init(copying address: UnsafePointer<sockaddr>, length: socklen_t, port: Int) {
        var storage = sockaddr_storage()
        let count = min(Int(length), MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutableBytes(of: &storage) {
            $0.baseAddress?.copyMemory(from: address, byteCount: count)
        }
        self.storage = storage
        self.port = port
    }

    /// Reads a numeric address, with or without the brackets of a URL; nil for anything else.
    package init?(numeric text: String, port: Int) {
        let bare =
            text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        var storage = sockaddr_storage()
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, bare, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: four, as: sockaddr_in.self) }
        } else if inet_pton(AF_INET6, bare, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: six, as: sockaddr_in6.self) }
        } else {
            return nil
        }
        self.storage = storage
        self.port = port
    }

    /// Makes an address of its 4 or 16 bytes in network order; nil for another number of bytes.
    package init?(bytes: [UInt8], port: Int) {
        var storage = sockaddr_storage()
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        storage.ss_family = sa_family_t(bytes.count == 4 ? AF_INET : AF_INET6)
        withUnsafeMutableBytes(of: &storage) {
            for (index, byte) in bytes.enumerated() {
                $0[(bytes.count == 4 ? 4 : 8) + index] = byte
            }
        }
        self.storage = storage
        self.port = port
    }

    /// The address without its port: 4 or 16 bytes in network order.
    package var bytes: [UInt8] {
        withUnsafeBytes(of: storage) {
            family == AF_INET6 ? Array($0[8..<24]) : Array($0[4..<8])
        }
    }

    /// Whose address it is, for what is counted by source: an IPv4 address, or the first 64 bits of an IPv6
    /// address, as that much belongs to one customer (RFC 6177).
    package var source: UInt64 {
        let bytes = bytes
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let isMapped = bytes.count == 16 && bytes.starts(with: mapped)
        if bytes.count == 4 || isMapped {
            return bytes.suffix(4).reduce(0xFFFF) { $0 << 8 | UInt64($1) }
        }
        return bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whether it is this machine's own, in either family.
    var isLoopback: Bool {
        withUnsafeBytes(of: storage) { storage in
            guard family == AF_INET6 else { return storage[4] == 127 }
            let bytes = storage[8..<24]
            let isMapped = bytes[18] == 0xFF && bytes[19] == 0xFF
            guard bytes[8..<18].allSatisfy({ $0 == 0 }) else { return false }
            return isMapped
                ? bytes[20] == 127 : bytes[18..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
        }
    }

    /// `AF_INET` or `AF_INET6`.
    package var family: Int32 { Int32(storage.ss_family) }

    /// The port in the host's byte order; it lies at the same place in both families.
    package var port: Int {
        get {
            withUnsafeBytes(of: storage) {
                Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)))
            }
        }
        set {
            let value = UInt16(truncatingIfNeeded: newValue).bigEndian
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: value, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The address without its port, as text.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let offset = family == AF_INET6 ? 8 : 4
        let family = family
        return withUnsafeBytes(of: storage) { bytes in
            guard let base = bytes.baseAddress else { return "" }
            let written = inet_ntop(family, base + offset, &text, socklen_t(text.count))
            guard let written else { return "" }
            return String(cString: written)
        }
    }

    /// Host and port, with brackets around an IPv6 address.
    package var text: String { family == AF_INET6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Passes the address to a system call.
    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        let size =
            family == AF_INET6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        return withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }
}
