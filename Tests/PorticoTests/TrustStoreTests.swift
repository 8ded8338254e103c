import Crypto
import Foundation
import Testing
import Testkit

@testable import portico

/// A home, a system folder and an authority of their own, gone after the test.
private final class House {
    let path: String
    let caPath: String

    init() throws {
        path = NSTemporaryDirectory() + "portico-" + Digest.hex(RandomBytes.make(8))
        caPath = path + "/ca/ca.pem"
        _ = try LocalAuthority(directory: path + "/ca", serves: { _ in false })
        let script = "#!/bin/sh\necho \"update $*\" >> '\(path)/log'\n"
        try script.write(toFile: path + "/update", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755],
            ofItemAtPath: path + "/update"
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func store(isRoot: Bool, searchPath: [String] = ["/usr/bin"]) -> TrustStore {
        var store = TrustStore(environment: ["HOME": path + "/home"])
        store.isRoot = isRoot
        store.owner = nil
        store.systemFolder = path + "/system"
        store.updateCommand = path + "/update"
        store.searchPath = searchPath
        return store
    }

    func makeDatabase(_ folder: String) throws {
        let database = path + "/home/" + folder
        try FileManager.default.createDirectory(
            atPath: database,
            withIntermediateDirectories: true
        )
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/certutil")
        process.arguments = ["-N", "-d", "sql:\(database)", "--empty-password"]
        try process.start()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    var log: String { (try? String(contentsOfFile: path + "/log", encoding: .utf8)) ?? "" }
}

@Suite
struct TrustStoreTests {
    @Test
    func systemStoreAsRoot() throws {
        let house = try House()
        let store = house.store(isRoot: true)
        let first = store.trust(caPath: house.caPath)
        #expect(first.map(\.outcome) == [.done, .done, .unchanged])
        let installed = try FileManager.default.contentsOfDirectory(
            atPath: house.path + "/system"
        )
        let name = try #require(installed.first)
        #expect(installed.count == 1 && first[0].text.hasSuffix(name))
        #expect(
            FileManager.default.contents(atPath: house.path + "/system/" + name)
                == FileManager.default.contents(atPath: house.caPath)
        )
        #expect(store.trust(caPath: house.caPath).map(\.outcome) == [.unchanged, .unchanged])
        #expect(
            store.untrust(caPath: house.caPath).map(\.outcome) == [.done, .done, .unchanged]
        )
        #expect(house.log == "update \nupdate --fresh\n")
        #expect(store.untrust(caPath: house.caPath).map(\.outcome) == [.unchanged, .unchanged])
    }

    @Test
    func othersAreToldTheCommand() throws {
        let house = try House()
        let action = try #require(house.store(isRoot: false).trust(caPath: house.caPath).first)
        #expect(action.outcome == .needed)
        #expect(action.text.contains("sudo cp '\(house.caPath)' '\(house.path)/system/portico-"))
        #expect(house.log.isEmpty)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/certutil")))
    func browsers() throws {
        let house = try House()
        let folders = [".pki/nssdb", ".mozilla/firefox/abc.default"]
        for folder in folders { try house.makeDatabase(folder) }
        let store = house.store(isRoot: false)
        for outcome in [TrustAction.Outcome.done, .unchanged] {
            let actions = store.trust(caPath: house.caPath).dropFirst()
            #expect(actions.map(\.outcome) == [outcome, outcome])
            for (action, folder) in zip(actions, folders) {
                #expect(action.text.contains("\(house.path)/home/\(folder)"))
            }
        }
        for outcome in [TrustAction.Outcome.done, .unchanged] {
            let actions = store.untrust(caPath: house.caPath).dropFirst()
            #expect(actions.map(\.outcome) == [outcome, outcome])
        }
        let bare = house.store(isRoot: false, searchPath: []).trust(caPath: house.caPath)
        #expect(bare.last?.outcome == .needed)
        #expect(bare.last?.text.contains("libnss3-tools") == true)
    }

    @Test
    func whatIsNoAuthorityIsRefused() throws {
        let house = try House()
        let store = house.store(isRoot: true)
        for path in [house.path + "/none.pem", house.path + "/update"] {
            let actions = store.trust(caPath: path)
            #expect(actions.map(\.outcome) == [.failed])
            #expect(actions.first?.text.contains(path) == true)
        }
        #expect(house.log.isEmpty)
    }
}
