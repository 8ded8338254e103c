import DataPlane
import Foundation
import Model
import Testkit

/// Reads the blocks that describe the scene: origins, functions and the door.
struct DialogueScript {
    let dialogue: Dialogue

    /// The steps of an origin's block.
    static func steps(of block: Dialogue.Block) throws -> [(label: String, step: OriginStep)] {
        try block.lines.map { line in
            ("line \(line.number), \(line.verb)", try step(line))
        }
    }

    private static func step(_ line: Dialogue.Line) throws -> OriginStep {
        let bytes = line.words.joined().dialogueBytes
        switch line.verb {
        case "expect", "head":
            guard line.words.count >= 2 else {
                throw DialogueError(line.number, "an origin expects METHOD TARGET [BODY]")
            }
            let pattern = MessagePattern(
                line.words[0],
                line.words[1],
                body: line.words.dropFirst(2).first?.dialogueBytes,
                fields: line.fields
            )
            return line.verb == "head" ? .expectHead(pattern) : .expect(pattern)
        case "answer":
            guard let status = line.words.first.flatMap({ Int($0) }) else {
                throw DialogueError(line.number, "an origin answers STATUS [BODY]")
            }
            let body = line.words.dropFirst().first?.dialogueBytes ?? []
            return .answer(status: status, body: body, fields: line.fields)
        case "body": return .body(bytes)
        case "lacks": return .lacks(line.words.joined())
        case "trailer":
            guard let field = line.fields.first else {
                throw DialogueError(line.number, "trailer NAME: VALUE")
            }
            return .trailer(field.name, field.value)
        case "raw": return .send(bytes)
        case "read": return .read(bytes)
        case "flood": return .flood(Int(line.words.first ?? "") ?? 0)
        case "reset": return .reset
        case "close": return .close
        case "half-close": return .finishSending
        case "closed": return .awaitClose
        default: throw DialogueError(line.number, "an origin cannot \(line.verb)")
        }
    }

    /// The programs by function name, and what goes into the snapshot for them.
    func functions() throws -> (
        programs: [String: (file: String, text: String)], versions: [FunctionVersion]
    ) {
        var programs: [String: (file: String, text: String)] = [:]
        var versions: [FunctionVersion] = []
        for block in dialogue.blocks where block.head.verb == "function" {
            guard let name = block.head.words.first else {
                throw DialogueError(block.head.number, "function NAME [python]")
            }
            let isPython = block.head.words.contains("python")
            programs[name] = (isPython ? "index.py" : "index.js", Self.outdented(block.text))
            let timeout = Self.value(after: "timeout", in: block.head).flatMap { Int($0) }
            versions.append(
                FunctionVersion(
                    name: name,
                    version: 1,
                    runtime: isPython ? "python3.12" : "nodejs22.x",
                    handler: "index.handler",
                    codeDigest: name,
                    timeout: timeout ?? 30
                )
            )
        }
        return (programs, versions)
    }

    private static func outdented(_ text: String) -> String {
        let lines = text.components(separatedBy: "\n")
        let margin = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return lines.map { String($0.dropFirst(margin)) }.joined(separator: "\n")
    }

    static func value(after word: String, in line: Dialogue.Line) -> String? {
        guard let place = line.words.firstIndex(of: word), place + 1 < line.words.count else {
            return nil
        }
        return line.words[place + 1]
    }

    /// The distribution behind the door, and the limits of its listeners.
    func door(
        origins: [String: ScriptedOrigin],
        versions: [FunctionVersion]
    ) throws -> (snapshot: Snapshot, limits: ConnectionLimits) {
        var snapshot = Snapshot()
        for version in versions { snapshot.functions[version.qualifiedName] = version }
        for (name, origin) in origins {
            snapshot.originOverrides["\(name).test"] = "http://127.0.0.1:\(origin.port)"
        }
        var limits = ConnectionLimits()
        guard let block = dialogue.blocks.first(where: { $0.head.verb == "door" }) else {
            throw DialogueError(1, "a dialogue needs a door")
        }
        let name = Self.value(after: "origin", in: block.head) ?? "nowhere"
        if origins[name] == nil { snapshot.originOverrides["\(name).test"] = "http://127.0.0.1:1" }
        var origin = Origin(id: name, domainName: "\(name).test")
        var behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: name,
            cachePolicy: block.head.words.contains("cached") ? .cachingOptimized : .cachingDisabled
        )
        behavior.allowedMethods = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]
        behavior.originRequestPolicy = OriginRequestPolicy(id: "everything")
        behavior.originRequestPolicy?.headers = .all
        behavior.originRequestPolicy?.queryStrings = .all
        for line in block.lines {
            try Self.set(line, &origin, &behavior, &limits, versions)
        }
        snapshot.distributions["E1"] = Distribution(
            id: "E1",
            origins: [origin],
            behaviors: [behavior]
        )
        return (snapshot, limits)
    }

    private static func set(
        _ line: Dialogue.Line,
        _ origin: inout Origin,
        _ behavior: inout CacheBehavior,
        _ limits: inout ConnectionLimits,
        _ versions: [FunctionVersion]
    ) throws {
        guard let first = line.words.first else {
            throw DialogueError(line.number, "\(line.verb) wants a value")
        }
        let milliseconds = Duration.milliseconds(Int(first) ?? 0)
        switch line.verb {
        case "origin-read-seconds": origin.readTimeout = Int(first) ?? 1
        case "origin-attempts": origin.connectionAttempts = Int(first) ?? 1
        case "handshake-ms": limits.handshake = milliseconds
        case "head-ms": limits.head = milliseconds
        case "body-ms": limits.bodyIdle = milliseconds
        case "keep-alive-ms": limits.keepAlive = milliseconds
        case "send-ms": limits.sendIdle = milliseconds
        case "drain-ms": limits.drain = milliseconds
        case "connections": limits.maximumConnections = Int(first) ?? 1
        default:
            guard let event = EdgeEvent(rawValue: line.verb),
                versions.contains(where: { $0.name == first })
            else { throw DialogueError(line.number, "a door has no \(line.verb)") }
            behavior.functions.append(
                EdgeFunctionAssociation(
                    event: event,
                    function: first,
                    version: 1,
                    includeBody: line.words.contains("with-body")
                )
            )
        }
    }
}
