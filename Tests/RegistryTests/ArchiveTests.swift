import Foundation
import Testing
import Testkit

@testable import Registry

@Suite
struct ArchiveTests {
    @Test
    func roundTripIsDeterministicAndKeepsModes() throws {
        let source = try TemporaryFolder()
        try source.write("console.log(1)", to: "index.js")
        try source.write("#!/bin/sh\n", to: "bin/bootstrap", mode: 0o755)
        try source.write("", to: "node_modules/a/empty.js")
        try source.write("secret", to: ".git/config")
        try FileManager.default.createSymbolicLink(
            atPath: source.path + "/node_modules/link",
            withDestinationPath: "../bin/bootstrap"
        )
        let first = try CodeArchive.pack(folder: source.path)
        try source.write("console.log(1)", to: "index.js")
        #expect(try CodeArchive.pack(folder: source.path) == first)

        let target = try TemporaryFolder()
        try CodeArchive.unpack(first, into: target.path + "/code")
        #expect(target.read("code/index.js") == "console.log(1)")
        #expect(target.read("code/node_modules/link") == "#!/bin/sh\n")
        #expect(target.read("code/node_modules/a/empty.js") == "")
        #expect(target.read("code/.git/config") == nil)
        #expect(FileManager.default.isExecutableFile(atPath: target.path + "/code/bin/bootstrap"))
        #expect(!FileManager.default.isExecutableFile(atPath: target.path + "/code/index.js"))
        #expect(try CodeArchive.pack(folder: target.path + "/code") == first)
    }

    @Test
    func linksThatLeaveAreRefused() throws {
        let source = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: source.path + "/out",
            withDestinationPath: "../x"
        )
        #expect(throws: RegistryError.self) { try CodeArchive.pack(folder: source.path) }
        #expect(ZipName.isSafe(link: "a/b", target: "../c"))
        #expect(!ZipName.isSafe(link: "a/b", target: "../../c"))
        #expect(!ZipName.isSafe(link: "a/b", target: "l/../../c"))
        #expect(!ZipName.isSafe(link: "a/b", target: "/etc/passwd"))
    }

    @Test
    func pythonZipsUnpack() throws {
        let folder = try TemporaryFolder()
        try python(
            """
            import zipfile, os
            z = zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED)
            z.writestr("pkg/app.py", "x = 1\\n" * 5000)
            z.writestr("empty.txt", "")
            info = zipfile.ZipInfo("run"); info.external_attr = 0o100755 << 16
            z.writestr(info, "go")
            z.comment = b"a comment"
            z.close()
            """,
            in: folder
        )
        try CodeArchive.unpack(try folder.bytes("a.zip"), into: folder.path + "/out")
        #expect(folder.read("out/pkg/app.py") == String(repeating: "x = 1\n", count: 5000))
        #expect(folder.read("out/empty.txt") == "")
        #expect(FileManager.default.isExecutableFile(atPath: folder.path + "/out/run"))
    }

    @Test
    func pythonReadsOurZips() throws {
        let source = try TemporaryFolder()
        try source.write("héllo", to: "ü/index.js")
        let folder = try TemporaryFolder()
        let zip = try CodeArchive.pack(folder: source.path)
        try Data(zip).write(to: URL(fileURLWithPath: folder.path + "/a.zip"))
        try python(
            """
            import zipfile
            z = zipfile.ZipFile("a.zip")
            assert z.testzip() is None
            assert z.namelist() == ["ü/", "ü/index.js"], z.namelist()
            assert z.read("ü/index.js").decode() == "héllo"
            """,
            in: folder
        )
    }

    @Test(arguments: [
        "../\u{301}evil", "../evil", "/etc/evil", "a/../../evil", "a//b", "..\\\\evil", "./x",
    ])
    func namesThatLeaveAreRefused(name: String) throws {
        let folder = try TemporaryFolder()
        try python(
            "import zipfile\nzipfile.ZipFile('a.zip','w').writestr(zipfile.ZipInfo('\(name)'), 'x')",
            in: folder
        )
        let zip = try folder.bytes("a.zip")
        #expect(throws: RegistryError.self) {
            try CodeArchive.unpack(zip, into: folder.path + "/in/out")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/in"))
    }

    @Test
    func filesBehindLinksAreRefused() throws {
        let folder = try TemporaryFolder()
        try python(
            """
            import zipfile
            z = zipfile.ZipFile("a.zip", "w")
            link = zipfile.ZipInfo("d"); link.create_system = 3
            link.external_attr = 0o120777 << 16
            z.writestr(link, "/tmp")
            z.writestr("d/evil", "x")
            z.close()
            """,
            in: folder
        )
        let zip = try folder.bytes("a.zip")
        #expect(throws: RegistryError.self) {
            try CodeArchive.unpack(zip, into: folder.path + "/out")
        }
    }

    @Test
    func damageIsNoticed() throws {
        let folder = try TemporaryFolder()
        try python(
            "import zipfile\nzipfile.ZipFile('a.zip','w').writestr('a', 'hello world')",
            in: folder
        )
        var zip = try folder.bytes("a.zip")
        #expect(throws: RegistryError.self) {
            try CodeArchive.unpack(Array(zip.dropLast(30)), into: folder.path + "/short")
        }
        zip[33] ^= 1
        #expect(throws: RegistryError.self) {
            try CodeArchive.unpack(zip, into: folder.path + "/flipped")
        }
        #expect(throws: RegistryError.self) {
            try CodeArchive.unpack([], into: folder.path + "/none")
        }
    }

    private func python(_ script: String, in folder: TemporaryFolder) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.start()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }
}
