import Crypto
import Foundation

/// One thing that was done, or has to be done, so that clients trust the local authority.
struct TrustAction: Equatable, CustomStringConvertible {
    enum Outcome: String {
        case done
        case unchanged
        case failed
        /// The person has to run or install something.
        case needed
    }

    var outcome: Outcome
    var text: String

    var description: String { "\(outcome.rawValue): \(text)" }
}

/// The stores of the system and of browsers in which the local authority can be trusted.
struct TrustStore {
    /// The home folder whose browsers are meant.
    var home: String
    /// The user who owns the home, when it is not the one who runs the command.
    var owner: String?
    /// Whether the system's store may be changed.
    var isRoot: Bool
    var systemFolder = "/usr/local/share/ca-certificates"
    var updateCommand = "update-ca-certificates"
    /// Where programs are looked for.
    var searchPath: [String]

    /// The stores of whoever runs the command; under sudo, of whoever called sudo.
    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        isRoot = geteuid() == 0
        if isRoot, let user = environment["SUDO_USER"], user != "root",
            let home = NSHomeDirectoryForUser(user)
        {
            owner = user
            self.home = home
        } else {
            home = environment["HOME"] ?? NSHomeDirectory()
        }
        let path = environment["PATH"] ?? "/usr/bin:/bin"
        searchPath = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]
    }

    /// Puts the authority into every store found.
    func trust(caPath: String) -> [TrustAction] {
        switch Authority.read(caPath) {
        case .success(let authority):
            trustSystem(authority) + inDatabases { trust(authority, in: $0, with: $1) }
        case .failure(let action): [action]
        }
    }

    /// Takes the authority out of every store found.
    func untrust(caPath: String) -> [TrustAction] {
        switch Authority.read(caPath) {
        case .success(let authority):
            untrustSystem(authority) + inDatabases { untrust(authority, in: $0, with: $1) }
        case .failure(let action): [action]
        }
    }
}

// MARK: - The system's store

extension TrustStore {
    private func systemPath(_ authority: Authority) -> String {
        "\(systemFolder)/portico-\(authority.mark).crt"
    }

    private func trustSystem(_ authority: Authority) -> [TrustAction] {
        let path = systemPath(authority)
        let wanted = FileManager.default.contents(atPath: authority.path)
        if FileManager.default.contents(atPath: path) == wanted {
            return [TrustAction(outcome: .unchanged, text: "\(path) is there already")]
        }
        guard find(updateCommand) != nil else { return [Self.noUpdateCommand(updateCommand)] }
        guard isRoot else {
            let command =
                "sudo cp \(Self.quote(authority.path)) \(Self.quote(path)) && sudo \(updateCommand)"
            return [
                TrustAction(outcome: .needed, text: "for the system's store, run: \(command)")
            ]
        }
        do {
            try FileManager.default.createDirectory(
                atPath: systemFolder,
                withIntermediateDirectories: true
            )
            try (wanted ?? Data()).write(to: URL(fileURLWithPath: path), options: .atomic)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o644],
                ofItemAtPath: path
            )
        } catch {
            return [TrustAction(outcome: .failed, text: "\(path): \(error.localizedDescription)")]
        }
        return [TrustAction(outcome: .done, text: "wrote \(path)"), update([])]
    }

    private func untrustSystem(_ authority: Authority) -> [TrustAction] {
        let path = systemPath(authority)
        guard FileManager.default.fileExists(atPath: path) else {
            return [TrustAction(outcome: .unchanged, text: "\(path) is not there")]
        }
        guard isRoot else {
            let command = "sudo rm \(Self.quote(path)) && sudo \(updateCommand) --fresh"
            return [
                TrustAction(outcome: .needed, text: "for the system's store, run: \(command)")
            ]
        }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            return [TrustAction(outcome: .failed, text: "\(path): \(error.localizedDescription)")]
        }
        return [TrustAction(outcome: .done, text: "removed \(path)"), update(["--fresh"])]
    }

    private func update(_ arguments: [String]) -> TrustAction {
        guard let program = find(updateCommand) else { return Self.noUpdateCommand(updateCommand) }
        let line = ([updateCommand] + arguments).joined(separator: " ")
        let result = run([program] + arguments)
        return result.status == 0
            ? TrustAction(outcome: .done, text: "ran \(line)")
            : TrustAction(outcome: .failed, text: "\(line): \(result.message)")
    }

    private static func noUpdateCommand(_ name: String) -> TrustAction {
        TrustAction(
            outcome: .needed,
            text: "for the system's store, install the package ca-certificates (\(name))"
        )
    }

    private static func quote(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}

// MARK: - NSS databases

extension TrustStore {
    /// The folders of the NSS databases of browsers in this home.
    private func databases() -> [String] {
        let shared = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"]
        let firefox = [
            ".mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
            ".var/app/org.mozilla.firefox/.mozilla/firefox", ".config/mozilla/firefox",
        ]
        let profiles = firefox.flatMap { folder in
            let entries = try? FileManager.default.contentsOfDirectory(atPath: "\(home)/\(folder)")
            return (entries ?? []).sorted().map { "\(folder)/\($0)" }
        }
        return (shared + profiles).map { "\(home)/\($0)" }
            .filter { FileManager.default.fileExists(atPath: $0 + "/cert9.db") }
    }

    private func inDatabases(
        _ change: (_ database: String, _ program: [String]) -> TrustAction
    ) -> [TrustAction] {
        let found = databases()
        guard !found.isEmpty else {
            return [
                TrustAction(
                    outcome: .unchanged,
                    text: "no browser keeps an NSS database (cert9.db) under \(home)"
                )
            ]
        }
        guard let program = find("certutil") else {
            let list = found.joined(separator: ", ")
            return [
                TrustAction(
                    outcome: .needed,
                    text: "for browsers, install the package libnss3-tools (certutil): \(list)"
                )
            ]
        }
        // What root writes, the browser of the owner could not change any more.
        let asOwner = owner.map { ["/usr/sbin/runuser", "-u", $0, "--"] } ?? []
        return found.map { change($0, asOwner + [program]) }
    }

    private func holds(_ authority: Authority, _ database: String, _ program: [String]) -> Bool {
        run(program + ["-L", "-d", "sql:\(database)", "-n", authority.nickname]).status == 0
    }

    private func trust(
        _ authority: Authority,
        in database: String,
        with program: [String]
    ) -> TrustAction {
        if holds(authority, database, program) {
            return TrustAction(
                outcome: .unchanged,
                text: "\(database) has '\(authority.nickname)' already"
            )
        }
        let result = run(
            program + [
                "-A", "-d", "sql:\(database)", "-n", authority.nickname, "-t", "C,,",
                "-i", authority.path,
            ]
        )
        return result.status == 0
            ? TrustAction(outcome: .done, text: "added '\(authority.nickname)' to \(database)")
            : TrustAction(outcome: .failed, text: "\(database): \(result.message)")
    }

    private func untrust(
        _ authority: Authority,
        in database: String,
        with program: [String]
    ) -> TrustAction {
        guard holds(authority, database, program) else {
            return TrustAction(
                outcome: .unchanged,
                text: "\(database) does not have '\(authority.nickname)'"
            )
        }
        let result = run(program + ["-D", "-d", "sql:\(database)", "-n", authority.nickname])
        return result.status == 0
            ? TrustAction(outcome: .done, text: "removed '\(authority.nickname)' from \(database)")
            : TrustAction(outcome: .failed, text: "\(database): \(result.message)")
    }
}

// MARK: - Programs

extension TrustStore {
    private func find(_ name: String) -> String? {
        if name.contains("/") {
            return FileManager.default.isExecutableFile(atPath: name) ? name : nil
        }
        return searchPath.map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func run(_ command: [String]) -> (status: Int32, message: String) {
        guard let program = command.first else { return (-1, "no program") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let errors = Pipe()
        process.standardError = errors
        do {
            try process.run()
        } catch {
            return (-1, "\(program): \(error.localizedDescription)")
        }
        let text = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let message = String(decoding: text, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return (
            process.terminationStatus,
            message.isEmpty ? "ended with status \(process.terminationStatus)" : message
        )
    }
}

/// The authority's file with the name it gets in stores.
private struct Authority {
    var path: String
    /// The beginning of the certificate's fingerprint: two authorities never share an entry.
    var mark: String

    var nickname: String { "Portico Local CA \(mark)" }

    enum Reading {
        case success(Authority)
        case failure(TrustAction)
    }

    static func read(_ path: String) -> Reading {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        guard let content = FileManager.default.contents(atPath: absolute) else {
            return .failure(
                TrustAction(outcome: .failed, text: "there is no authority at \(absolute)")
            )
        }
        let lines = String(decoding: content, as: UTF8.self).split(whereSeparator: \.isNewline)
        let body = lines.drop { $0 != "-----BEGIN CERTIFICATE-----" }.dropFirst()
            .prefix { $0 != "-----END CERTIFICATE-----" }.joined()
        guard !body.isEmpty, let bytes = Base64.decode(body) else {
            return .failure(
                TrustAction(outcome: .failed, text: "\(absolute) is not a PEM certificate")
            )
        }
        let mark = String(Digest.hex(Digest.sha256(bytes)).prefix(8))
        return .success(Authority(path: absolute, mark: mark))
    }
}
