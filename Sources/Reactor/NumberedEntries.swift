import Glibc

/// The entries of a folder whose names are numbers, such as the processes in `/proc`.
package enum NumberedEntries {
    /// Goes through them in the order in which the system has them; false when the folder cannot be read.
    @discardableResult
    package static func forEach(in folder: String, _ body: (Int32) -> Void) -> Bool {
        guard let folder = opendir(folder) else { return false }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let number = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { atoi($0) }
            }
            if number > 0 { body(number) }
        }
        return true
    }
}
