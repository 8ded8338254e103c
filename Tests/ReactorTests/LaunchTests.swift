import Glibc
import Testing

@testable import Reactor

struct LaunchTests {
    /// Runs a shell's text on a reactor: how it ended and what it wrote.
    private static func run(
        _ text: String,
        _ change: @escaping @Sendable (inout ChildProcess.Command) -> Void = { _ in }
    ) async throws -> (exit: ChildExit, output: String) {
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        return try await Task(executorPreference: reactor) {
            var command = ChildProcess.Command(
                path: "/bin/sh",
                arguments: ["-c", text],
                environment: ["PATH=/usr/bin:/bin", "WORD=one two"],
                openFiles: 64
            )
            change(&command)
            let child = try await ChildProcess.start(command, on: reactor)
            var output = ""
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
            defer { buffer.deallocate() }
            while case .bytes(let count) = await child.output.readSome(
                into: buffer,
                until: .never
            ) {
                output += String(decoding: buffer[..<count], as: UTF8.self)
            }
            let exit = await child.waitForExit()
            child.close()
            return (exit, output)
        }.value
    }

    @Test("A program gets its arguments, variables, folder, limit and a group of its own")
    func begins() async throws {
        let text =
            "echo $0 \"$WORD\"; pwd; ulimit -n; [ $(ps -o pgid= -p $$) = $$ ] && echo leads; exit 3"
        let (exit, output) = try await Self.run(text) { $0.directory = "/usr" }
        #expect(exit == .status(3))
        #expect(output == "/bin/sh one two\n/usr\n64\nleads\n")
    }

    @Test("A program has no descriptors but its four, and its channel reaches us")
    func descriptors() async throws {
        let held = (0..<8).map { _ in dup(1) }
        defer { for descriptor in held { close(descriptor) } }
        let (_, output) = try await Self.run("cd /proc/self/fd && echo *; readlink 0")
        // The shell's own look at the folder has one more.
        #expect(output == "0 1 2 3 4\n/dev/null\n" || output == "0 1 2 3\n/dev/null\n")
    }

    @Test("A program handles signals as usual, and none is blocked")
    func signals() async throws {
        let (_, output) = try await Self.run(
            "grep -E 'Sig(Blk|Ign)' /proc/self/status; kill -TERM $$"
        )
        let lines = output.split(separator: "\n").map { $0.split(separator: "\t").last ?? "" }
        #expect(lines == ["0000000000000000", "0000000000000000"])
    }

    @Test("What cannot begin says which call failed")
    func fails() async throws {
        await Self.expect("execve", ENOENT) { $0.path = "/nowhere/program" }
        await Self.expect("execve", EACCES) { $0.path = "/etc/passwd" }
        await Self.expect("chdir", ENOENT) { $0.directory = "/nowhere" }
        await Self.expect("chdir /nowhere", ENOENT) {
            $0.steps = [.enter("/"), .enter("/nowhere")]
        }
        await Self.expect("mkdir /proc/none", ENOENT) {
            $0.steps = [.makeFolder("/proc/none/deeper", below: "/proc")]
        }
    }

    @Test("Who is not let into a control group begins without")
    func staysOutside() async throws {
        let (exit, output) = try await Self.run("echo here") {
            $0.steps = [.join(group: "/nowhere/group", file: "tasks")]
        }
        #expect(exit == .status(0) && output == "here\n")
    }

    @Test("Hundreds begin at the same time, and each is told how it went")
    func together() async throws {
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        let ended = await Task(executorPreference: reactor) {
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let works = number % 2 == 0
                        let command = ChildProcess.Command(
                            path: works ? "/bin/true" : "/nowhere",
                            arguments: [],
                            environment: [],
                            openFiles: 64
                        )
                        guard let child = try? await ChildProcess.start(command, on: reactor) else {
                            return !works
                        }
                        let exit = await child.waitForExit()
                        child.close()
                        return works && exit == .status(0)
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
        }.value
        #expect(ended == 200)
    }

    @Test("Steps are the system's calls: a user namespace is mapped, folders are made one by one")
    func calls() {
        let isolated = LaunchStep.unshare([.mount, .user], user: 1000, group: 100).calls
        #expect(
            isolated.map(\.title) == [
                "unshare", "/proc/self/setgroups", "/proc/self/uid_map", "/proc/self/gid_map",
                "mount /",
            ]
        )
        #expect(isolated.map(\.target) == ["", "deny", "0 1000 1", "0 100 1", "/"])
        #expect(LaunchStep.unshare([.network], user: 0, group: 0).calls.count == 1)
        let folders = LaunchStep.makeFolder("/a/b/c/d", below: "/a/b").calls
        #expect(folders.map(\.target) == ["/a/b/c", "/a/b/c/d"])
        #expect(
            LaunchStep.memory(at: "/a", name: "n", options: "size=1m").calls[0].data == "size=1m"
        )
        let binds = [true, false].map { LaunchStep.bind("/a", at: "/b", deep: $0).calls[0].flags }
        #expect(binds == [0x5000, 0x1000])
    }

    private static func expect(
        _ call: String,
        _ code: Int32,
        _ change: @escaping @Sendable (inout ChildProcess.Command) -> Void
    ) async {
        do {
            _ = try await run("true", change)
            Issue.record("\(call) did not fail")
        } catch let error as SpawnError {
            #expect(error.call == call && error.code == code)
        } catch {
            Issue.record(error)
        }
    }
}
