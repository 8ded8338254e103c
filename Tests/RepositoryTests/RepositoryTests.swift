import Foundation
import Testing
import Testkit

/// The house rules that can be read off the files.
@Suite("Repository")
struct RepositoryTests {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What each module may import; the same table as in the manifest.
    static let allowed: [String: Set<String>] = {
        let rowOne: Set = ["Reactor", "TLS", "Crypto", "HTTP", "JSON", "Model", "Telemetry"]
        let three = rowOne.union(["DataPlane"])
        return [
            "Reactor": ["CLinux"],
            "TLS": ["COpenSSL"],
            "Crypto": ["COpenSSL"],
            "HTTP": ["CZlib", "CBrotli", "CNGHTTP2"], "JSON": [], "Model": [], "Telemetry": [],
            "DataPlane": rowOne.subtracting(["Model"]),
            "Registry": rowOne.subtracting(["HTTP"]).union(["CZlib", "CPostgres"]),
            "Edge": three,
            "Executor": three,
            "Replication": three.union(["Registry"]),
            "Templates": rowOne.union(["Registry"]),
            "FrontDoors": three.union(["Edge", "Executor"]),
            "ControlPlane": three.union(["Templates", "Replication", "Executor", "Registry"]),
        ]
    }()

    static func swiftFiles(under folder: String) throws -> [URL] {
        let base = root.appendingPathComponent(folder)
        let found = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        return (found?.compactMap { $0 as? URL } ?? []).filter { $0.pathExtension == "swift" }
    }

    @Test("a module imports only lower rows", arguments: allowed.keys.sorted())
    func importsPointDown(module: String) throws {
        let own = Set(Self.allowed.keys).union([
            "CLinux", "COpenSSL", "CZlib", "CBrotli", "CNGHTTP2", "CPostgres", "portico",
        ])
        for file in try Self.swiftFiles(under: "Sources/\(module)") {
            let text = try String(contentsOf: file, encoding: .utf8)
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                guard words.first == "import" || (words.count > 1 && words[1] == "import"),
                    let imported = words.last.map(String.init), own.contains(imported)
                else { continue }
                #expect(
                    Self.allowed[module]?.contains(imported) == true,
                    "\(module)/\(file.lastPathComponent) imports \(imported)"
                )
            }
        }
    }

    @Test("the data plane's rows do without Foundation")
    func foundationStaysUp() throws {
        for module in [
            "Reactor", "TLS", "Crypto", "HTTP", "JSON", "Model", "Telemetry", "DataPlane", "Edge",
            "Executor", "FrontDoors",
        ] {
            for file in try Self.swiftFiles(under: "Sources/\(module)") {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(
                    !text.contains("import Foundation\n"),
                    "\(module)/\(file.lastPathComponent) imports Foundation"
                )
            }
        }
    }

    @Test("no file is longer than 600 lines")
    func filesAreShort() throws {
        for folder in ["Sources", "Tests"] {
            for file in try Self.swiftFiles(under: folder) where !file.path.contains("Generated") {
                let lines = try String(contentsOf: file, encoding: .utf8).split(
                    separator: "\n",
                    omittingEmptySubsequences: false
                )
                #expect(lines.count <= 601, "\(file.lastPathComponent) has \(lines.count) lines")
            }
        }
    }

    @Test("every function, type and initialiser wider than its file is documented")
    func packageDeclarationsAreDocumented() throws {
        let kinds = [
            "func ", "struct ", "class ", "enum ", "protocol ", "actor ", "init(", "typealias ",
        ]
        for file in try Self.swiftFiles(under: "Sources") {
            let lines = try String(contentsOf: file, encoding: .utf8).split(
                separator: "\n",
                omittingEmptySubsequences: false
            ).map { $0.trimmingCharacters(in: .whitespaces) }
            for (index, line) in lines.enumerated() where line.hasPrefix("package ") {
                guard kinds.contains(where: { line.contains(" " + $0) || line.contains($0) }),
                    !line.hasPrefix("package import"), !line.hasPrefix("package let"),
                    !line.hasPrefix("package var"), !Self.isWitness(line)
                else { continue }
                var above = index - 1
                while above >= 0, lines[above].hasPrefix("@") { above -= 1 }
                #expect(
                    above >= 0 && lines[above].hasPrefix("///"),
                    "\(file.lastPathComponent):\(index + 1): \(line)"
                )
            }
        }
    }

    /// Members that a protocol already documents.
    static func isWitness(_ line: String) -> Bool {
        [
            "func enqueue(", "static func ==", "func hash(into", "func encode(to", "init(from",
            "func respond(to", "func invoke(_", "func read() async", "func write(_", "func close()",
            "func publish(after", "func head()", "func changes(after", "func current() throws",
            "func heads()", "func beginBlob()", "func pinBlob(", "func blobSize(",
            "func readBlob(", "func compact(", "func collectBlobs(", "func report(_",
            "func edges() throws", "func forgetEdge(", "func privateValue", "func setPrivateValue(",
            "func finish() async", "static func <", "func index(after", "func run() async throws",
        ].contains { line.contains($0) }
    }

    @Test("git holds no key, certificate or state")
    func noSecretsInGit() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git", "ls-files"]
        process.currentDirectoryURL = Self.root
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.start()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        for path in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            #expect(!path.hasSuffix(".pem") && !path.hasSuffix(".key"), "\(path) is in git")
            #expect(!path.hasPrefix(".build") && path != "Package.resolved", "\(path) is in git")
        }
    }

    @Test("each of the twenty acceptance checks is a test of its own that begins with its number")
    func acceptanceChecks() throws {
        let title = try Regex(#"@Test\(\s*"(\d+): "#, as: (Substring, Substring).self)
        var found: Set<Int> = []
        for file in try Self.swiftFiles(under: "Tests") {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: title) {
                if let number = Int(match.1) { found.insert(number) }
            }
        }
        #expect(Set(1...20).subtracting(found).sorted() == [])
    }
}
