import Glibc

/// Small questions to the system.
enum System {
    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The first executable of that name in a search path.
    static func find(_ program: String, in path: String) -> String? {
        for folder in path.split(separator: ":") {
            let candidate = "\(folder)/\(program)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }

    /// Whether there is an executable file at a path.
    static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
            && access(path, X_OK) == 0
    }

    /// Whether there is a file at a path.
    static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether there is a folder at a path.
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether a folder is a file system in memory that is mounted there.
    static func isInMemory(_ path: String) -> Bool {
        text(of: "/proc/self/mountinfo").split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            guard fields.count > 6, fields[4] == path, let end = fields.firstIndex(of: "-") else {
                return false
            }
            return fields[(end + 1)...].first == "tmpfs"
        }
    }

    /// A path without symbolic links; nil when there is nothing.
    static func realPath(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    /// The program that runs a script, from its first line; nil when the file is no script.
    static func interpreter(of path: String) -> String? {
        guard isScript(path) else { return nil }
        let line = text(of: path).prefix { $0 != "\n" }.dropFirst(2)
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first.map(String.init)
    }

    /// The folder in which something lies, by its absolute path.
    static func parent(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// Whether a program is a script for some other program.
    static func isScript(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var start: (UInt8, UInt8) = (0, 0)
        return withUnsafeMutableBytes(of: &start) { read(descriptor, $0.baseAddress, 2) } == 2
            && start == (UInt8(ascii: "#"), UInt8(ascii: "!"))
    }

    /// The names in a folder, sorted; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A small file as text; empty when it cannot be read.
    static func text(of file: String) -> String {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// What a signal is called, in lower case.
    static func signalName(_ number: Int32) -> String {
        String(cString: strsignal(number)).lowercased()
    }

    /// Where a symbolic link leads.
    static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return 0 }
            return readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// Writes a file as a whole; false when that failed.
    static func write(_ text: String, to file: String) -> Bool {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var left = Array(text.utf8)[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            left = left.dropFirst(count)
        }
        return true
    }

    /// Makes a folder with its parents.
    static func makeFolder(_ path: String) {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            built += part
            mkdir(built, 0o700)
            built += "/"
        }
    }

    /// The wall clock.
    ///
    /// Unit: milliseconds since 1970.
    static var milliseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// The wall clock.
    ///
    /// Unit: microseconds since 1970.
    static var microseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }

    /// A time as `2026-01-31T10:11:12.123Z`.
    static func timestamp(_ milliseconds: Int64) -> String {
        let date = calendar(milliseconds)
        let day = [
            pad(Int(date.tm_year) + 1900, 4), pad(Int(date.tm_mon) + 1, 2),
            pad(Int(date.tm_mday), 2),
        ]
        let clock = [pad(Int(date.tm_hour), 2), pad(Int(date.tm_min), 2), pad(Int(date.tm_sec), 2)]
        return day.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
            + pad(Int(milliseconds % 1000), 3) + "Z"
    }

    /// A time as signatures have it: `20260131T101112Z`.
    static func compactTimestamp(_ milliseconds: Int64) -> String {
        timestamp(milliseconds).prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }

    /// When a day of the calendar begins.
    ///
    /// Unit: seconds since 1970.
    static func seconds(year: Int, month: Int, day: Int) -> Int64 {
        var date = tm()
        date.tm_year = Int32(year - 1900)
        date.tm_mon = Int32(month - 1)
        date.tm_mday = Int32(day)
        return Int64(timegm(&date))
    }

    /// The name of a new log stream: `2026/01/31/[3]0123…`, in a shared group with the function's name.
    static func logStream(version: String, function: String = "") -> String {
        let date = calendar(milliseconds)
        var generator = SystemRandomNumberGenerator()
        let unique = (0..<2).map { _ in pad(String(generator.next() as UInt64, radix: 16), 16) }
            .joined()
        return "\(pad(Int(date.tm_year) + 1900, 4))/\(pad(Int(date.tm_mon) + 1, 2))/"
            + "\(pad(Int(date.tm_mday), 2))/\(function)[\(version)]\(unique)"
    }

    /// Seconds or milliseconds with two decimals.
    static func twoDecimals(_ duration: Duration, per unit: Duration) -> String {
        let hundredths = Int((duration / unit * 100).rounded())
        return "\(hundredths / 100).\(pad(hundredths % 100, 2))"
    }

    private static func calendar(_ milliseconds: Int64) -> tm {
        var seconds = time_t(milliseconds / 1000)
        var date = tm()
        gmtime_r(&seconds, &date)
        return date
    }

    private static func pad(_ number: Int, _ width: Int) -> String { pad(String(number), width) }

    private static func pad(_ text: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

/// Lambda's error JSON and the escaping it needs.
enum ErrorPayload {
    static func make(type: String, message: String) -> [UInt8] {
        Array("{\"errorType\":\(quote(type)),\"errorMessage\":\(quote(message))}".utf8)
    }

    /// A JSON string literal.
    static func quote(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
