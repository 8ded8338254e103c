import Crypto
import Foundation
import Glibc
import Model

/// Function code as a zip archive.
package struct CodeArchive {
    /// The most bytes that code may hold once unpacked.
    package static let maximumSize = 262_144_000
    /// The most files, folders and links of one archive; a zip without extensions counts no further.
    package static let maximumEntries = 65_534

    /// The SHA-256 of an archive, hexadecimal.
    package static func digest(_ zip: [UInt8]) -> String { Digest.hex(Digest.sha256(zip)) }

    /// Refuses an archive whose directory is damaged, too large or names files outside its folder.
    package static func check(_ zip: [UInt8]) throws { _ = try checked(zip) }

    /// Packs a folder: the same content gives the same bytes on every machine.
    ///
    /// Names are sorted, times fixed, permissions kept, `.git` left out; a link is kept when it stays
    /// inside the folder and refused otherwise.
    package static func pack(folder: String) throws -> [UInt8] {
        var writer = ZipWriter()
        var total = 0
        for name in try names(in: folder) {
            let path = folder + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0 else { throw DurableFile.failure(path) }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                writer.add(name: name + "/", mode: status.st_mode, content: [])
            case S_IFLNK:
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: path)
                guard ZipName.isSafe(link: name, target: target) else {
                    throw RegistryError(.invalid, "\(name) is a link that leaves the code's folder")
                }
                writer.add(name: name, mode: status.st_mode, content: Array(target.utf8))
            case S_IFREG:
                total += Int(status.st_size)
                try check(total)
                let content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
                writer.add(name: name, mode: status.st_mode, content: content)
            default:
                throw RegistryError(.invalid, "\(name) is neither a file, a folder nor a link")
            }
        }
        return writer.finish()
    }

    /// Unpacks an archive into a folder, which is made when it is missing.
    ///
    /// Every name and checksum is checked; nothing is written outside the folder.
    package static func unpack(_ zip: [UInt8], into folder: String) throws {
        let reader = try checked(zip)
        try makeFolder(folder)
        for entry in reader.entries where !entry.isLink {
            let path = folder + "/" + entry.name
            if entry.isFolder {
                try makeFolder(path)
                continue
            }
            try makeFolder(parent(of: path))
            // Whoever runs the code must be able to read it, whatever the archive says.
            try DurableFile.writeNew(
                try reader.content(of: entry),
                to: path,
                mode: entry.permissions | 0o444
            )
        }
        // Last, so that no file is ever written through a link.
        for entry in reader.entries where entry.isLink {
            let target = String(decoding: try reader.content(of: entry), as: UTF8.self)
            guard ZipName.isSafe(link: entry.name, target: target) else {
                throw RegistryError(
                    .invalid,
                    "the archive's link '\(entry.name)' leaves its folder"
                )
            }
            let path = folder + "/" + entry.name
            try makeFolder(parent(of: path))
            guard symlink(target, path) == 0 else { throw DurableFile.failure(path) }
        }
    }

    private static func checked(_ zip: [UInt8]) throws -> ZipReader {
        let reader = try ZipReader(zip)
        try check(reader.entries.reduce(0) { $0 + $1.size })
        let links = Set(reader.entries.filter(\.isLink).map(\.name))
        for entry in reader.entries {
            guard ZipName.isSafe(entry.name) else {
                throw RegistryError(
                    .invalid,
                    "the archive's entry '\(entry.name)' leaves its folder"
                )
            }
            for parent in ZipName.parents(of: entry.name) where links.contains(parent) {
                throw RegistryError(.invalid, "the archive's entry '\(entry.name)' passes a link")
            }
        }
        return reader
    }

    private static func check(_ size: Int) throws {
        guard size <= maximumSize else {
            throw RegistryError(
                .invalid,
                "Unzipped size must be smaller than \(maximumSize) bytes"
            )
        }
    }

    /// Paths below a folder, parents before children, sorted by their bytes.
    private static func names(in folder: String) throws -> [String] {
        var found: [String] = []
        var pending = [""]
        while let prefix = pending.popLast() {
            let path = prefix.isEmpty ? folder : folder + "/" + prefix
            for name in try FileManager.default.contentsOfDirectory(atPath: path)
            where name != ".git" {
                let full = prefix.isEmpty ? name : prefix + "/" + name
                found.append(full)
                guard found.count <= maximumEntries else {
                    throw RegistryError(.invalid, "code has at most \(maximumEntries) files")
                }
                var status = stat()
                if lstat(folder + "/" + full, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                    pending.append(full)
                }
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

/// What names an archive may carry.
enum ZipName {
    /// Whether a relative path stays inside the folder it is joined to.
    static func isSafe(_ name: String) -> Bool {
        guard !name.isEmpty, !name.beginsWithSlash, !name.contains("\\"), !name.contains("\0")
        else { return false }
        let segments = name.pathSegments(omittingEmpty: false)
        return segments.dropLast(name.endsWithSlash ? 1 : 0)
            .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    /// Whether a link stays inside: steps upwards come first and are no more than the link is deep.
    ///
    /// A step upwards after another link could leave the folder unseen, so none is allowed there.
    static func isSafe(link: String, target: String) -> Bool {
        guard !target.isEmpty, !target.beginsWithSlash, !target.contains("\0") else { return false }
        let parts = target.pathSegments().filter { $0 != "." }
        let upwards = parts.prefix { $0 == ".." }.count
        let depth = link.pathSegments().count - 1
        return upwards <= depth && !parts.dropFirst(upwards).contains("..")
    }

    /// The folders that a path passes.
    static func parents(of name: String) -> [String] {
        var parents: [String] = []
        for index in name.utf8.indices.dropFirst() where name.utf8[index] == UInt8(ascii: "/") {
            parents.append(String(name[..<index]))
        }
        return parents
    }
}
