import DataPlane
import Foundation
import Synchronization
import Testkit

/// Plays a dialogue against a door in this process and collects what went otherwise.
final class DialoguePlayer {
    private let dialogue: Dialogue
    private let stage: Stage
    private var origins: [String: ScriptedOrigin] = [:]
    private var clients: [String: DialogueClient] = [:]
    private var level: ProcessCounts?
    private(set) var failures: [String] = []

    init(_ text: String) async throws {
        dialogue = try Dialogue(text)
        let script = DialogueScript(dialogue: dialogue)
        for block in dialogue.blocks where block.head.verb == "origin" {
            let name = block.head.words.first ?? ""
            if origins[name] == nil { origins[name] = try ScriptedOrigin() }
        }
        let (programs, versions) = try script.functions()
        let (snapshot, limits) = try script.door(origins: origins, versions: versions)
        stage = try await Stage(snapshot, programs: programs, limits: limits)
    }

    /// Plays every block, then checks that nothing is left over.
    func play() async throws {
        for (name, origin) in origins {
            let blocks = dialogue.blocks.filter {
                $0.head.verb == "origin" && $0.head.words.first == name
            }
            origin.run(try blocks.flatMap(DialogueScript.steps))
        }
        try await warmUp()
        for block in dialogue.blocks where failures.isEmpty { try await play(block) }
        for (name, origin) in origins where failures.isEmpty {
            failures += origin.finish().map { "origin \(name), \($0)" }
        }
        if failures.isEmpty { await checkLeftovers() }
        await stage.close()
    }

    /// One request that no origin sees, so that whatever is made once is there before counting.
    private func warmUp() async throws {
        for tls in [stage.client, nil] {
            let port = tls == nil ? stage.http.port : stage.https.port
            let client = try DialogueClient(port: port, tls: tls)
            let line = try Dialogue("x\n send GET /  host: unknown.test\n expect 403").blocks[0]
            for step in line.lines { note(step, try client.perform(step), "warming up") }
            client.close()
        }
        level = await stage.counts(settlingAt: nil)
    }

    private func note(_ line: Dialogue.Line, _ trouble: String?, _ who: String) {
        if let trouble { failures.append("line \(line.number), \(who) \(line.verb): \(trouble)") }
    }

    private func play(_ block: Dialogue.Block) async throws {
        let line = block.head
        let words = line.words
        switch line.verb {
        case "origin", "function", "door": break
        case "client": try perform(block)
        case "settle":
            for client in clients.values { client.close() }
            level = await stage.counts(settlingAt: nil)
        case "kill":
            // The function says its process id itself: `console.log('pid', process.pid)`.
            let text = stage.log.line("\(words[0]):", containing: "pid ") ?? ""
            let digits = text.split(separator: " ").last.map { $0.filter(\.isNumber) } ?? ""
            guard let pid = Int32(digits), ProcessCounts.children().contains(pid) else {
                throw DialogueError(line.number, "no worker in '\(text)'")
            }
            kill(pid, SIGKILL)
        case "log":
            note(line, stage.log.line("", containing: words[0]) == nil ? "no such line" : nil, "")
        case "counter": check(line)
        case "await": await reach(line)
        default: throw DialogueError(line.number, "unknown block \(line.verb)")
        }
    }

    private func perform(_ block: Dialogue.Block) throws {
        let name = block.head.words.first ?? ""
        let isPlain = block.head.words.contains("plain")
        // Knocks at the TLS port without speaking TLS.
        let isMute = block.head.words.contains("to-tls")
        if clients[name] == nil {
            clients[name] = try DialogueClient(
                port: isPlain ? stage.http.port : stage.https.port,
                tls: isPlain || isMute ? nil : stage.client
            )
        }
        for line in block.lines where failures.isEmpty {
            do {
                note(line, try clients[name]?.perform(line), name)
            } catch let error as DialogueError {
                throw error
            } catch {
                note(line, "\(error)", name)
            }
        }
    }

    /// The counters of a line that are not as it says.
    private func difference(_ line: Dialogue.Line) -> String? {
        for pair in stride(from: 0, to: line.words.count - 1, by: 2) {
            let name = line.words[pair].split(separator: ".")
            let found: Int?
            switch name.last {
            case "connections": found = origins[String(name[0])]?.connections
            case "requests": found = origins[String(name[0])]?.requests
            default: found = nil
            }
            let wanted = line.words[pair + 1]
            if found.map(String.init) != wanted {
                return "\(line.words[pair]) is \(found ?? -1), not \(wanted)"
            }
        }
        return nil
    }

    private func check(_ line: Dialogue.Line) { note(line, difference(line), "") }

    /// Waits until counters are as a line says.
    private func reach(_ line: Dialogue.Line) async {
        for _ in 0..<1000 where difference(line) != nil { poll(nil, 0, 10) }
        check(line)
    }

    private func checkLeftovers() async {
        for client in clients.values { client.close() }
        let counts = await stage.counts(settlingAt: level)
        guard let level, counts != level else { return }
        failures.append(
            "left over: \(counts) instead of \(level): "
                + ProcessCounts.targets().joined(separator: ", ")
        )
    }

    /// The door's log, for reports of failures.
    var log: [String] { stage.log.all }
}
