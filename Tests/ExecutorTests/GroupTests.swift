import DataPlane
import Foundation
import Glibc
import JSON
import Model
import Testing
import Testkit

@testable import Executor

@Suite("Control groups")
struct GroupTests {
    private static let first = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:12 - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        """
    private static let firstOwn = """
        4:memory:/jobs/7
        1:cpu,cpuacct:/
        0::/
        """

    @Test("where each controller has a tree of its own, its own group in it comes first")
    func separateTrees() {
        let memory = GroupTree.places(.memory, mounts: Self.first, groups: Self.firstOwn)
        #expect(memory.first?.folder == "/sys/fs/cgroup/memory/jobs/7")
        #expect(memory.first?.generation == .first)
        #expect(memory.last?.generation == .second)
        let cpu = GroupTree.places(.cpu, mounts: Self.first, groups: Self.firstOwn)
        #expect(cpu.first?.folder == "/sys/fs/cgroup/cpu,cpuacct")
    }

    @Test(
        "in the tree of all controllers it is the own group, then the root, as far as each is to be seen",
        arguments: [
            ("/", "/sys/fs/cgroup", "/a.slice/b", ["/sys/fs/cgroup/a.slice/b", "/sys/fs/cgroup"]),
            ("/", "/sys/fs/cgroup", "/", ["/sys/fs/cgroup"]),
            ("/docker/1", "/cg", "/docker/1", ["/cg"]),
            ("/docker/1", "/a\\040b", "/docker/1/x", ["/a b/x", "/a b"]),
        ]
    )
    func oneTree(root: String, point: String, own: String, folders: [String]) {
        let mounts =
            "30 23 0:26 \(root) \(point) rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
        let found = GroupTree.places(.memory, mounts: mounts, groups: "0::\(own)\n")
        #expect(found.map(\.folder) == folders)
    }

    @Test("nothing is found where there are no groups")
    func nothing() {
        #expect(
            GroupTree.places(.memory, mounts: "1 2 0:3 / / rw - ext4 /dev/a rw", groups: "").isEmpty
        )
        #expect(ControlGroups.find([.memory, .cpu], mounts: "", groups: "") == nil)
    }

    @Test("limits are written as each generation reads them")
    func limits() {
        let first = GroupTree(generation: .first, folder: "/a", controllers: [.memory, .cpu])
        let second = GroupTree(generation: .second, folder: "/a", controllers: [.memory, .cpu])
        #expect(
            first.memoryLimit(1024).map { [$0.file, $0.text] } == ["memory.limit_in_bytes", "1024"]
        )
        #expect(second.memoryLimit(1024).map { [$0.file, $0.text] } == ["memory.max", "1024"])
        #expect(
            second.processorLimit(1447)?.map { [$0.file, $0.text] } == [["cpu.max", "1447 20000"]]
        )
        #expect(
            first.processorLimit(1447)?.map { [$0.file, $0.text] }
                == [["cpu.cfs_period_us", "20000"], ["cpu.cfs_quota_us", "1447"]]
        )
        let neither = GroupTree(generation: .second, folder: "/a", controllers: [])
        #expect(neither.memoryLimit(1) == nil && neither.processorLimit(1) == nil)
    }

    @Test(
        "1,769 MB are one processor",
        arguments: [(128, 1447), (1769, 20_000), (3538, 40_000), (10_240, 115_771)]
    )
    func share(megabytes: Int, micros: Int) {
        #expect(GroupTree.share(ofMemory: megabytes) == micros)
    }

    @Test("a folder's name tells whether its process is gone")
    func owners() throws {
        let own = try #require(GroupOwner.current)
        let read = try #require(GroupOwner(name: "\(own.name)-77"))
        #expect(read == own && !read.isGone)
        let before = try #require(GroupOwner(name: "\(own.namespace)-\(own.pid)-1-77"))
        #expect(before.isGone)
        let elsewhere = try #require(GroupOwner(name: "1-\(own.pid)-1-77"))
        #expect(!elsewhere.isGone)
        #expect(GroupOwner(name: "something else") == nil)
    }
}

extension ProcessTests {
    /// Whether this machine lets us make groups.
    private static let hasGroups: Bool = {
        guard let found = ControlGroups.find(dividingProcessors: true) else { return false }
        for tree in found.trees { GroupFolder.remove(tree.folder) }
        return found.limitsMemory && found.dividesProcessors
    }()

    @Suite("Environments in control groups", .enabled(if: hasGroups), .timeLimit(.minutes(10)))
    struct EnvironmentGroupTests {
        private static let code = """
            import os, subprocess, sys, time

            def figure(event, context):
                return open("/proc/self/cgroup").read()

            def hoard(event, context):
                kept = bytearray(1 << 30)
                return len(kept)

            def files(event, context):
                with open("/tmp/large", "wb") as file:
                    for _ in range(300): file.write(b"a" * (1 << 20))
                return os.path.getsize("/tmp/large")

            def daemon(event, context):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        kept = b"a" * (200 << 20)
                        time.sleep(600)
                    os._exit(0)
                os.wait()
                time.sleep(600)

            def burn(event, context):
                end = time.process_time() + 0.1
                while time.process_time() < end: pass
                return "burned"

            def child(event, context):
                left = subprocess.Popen(["setsid", "sleep", "600"])
                return left.pid
            """

        private func withGroups(
            configure: (inout ExecutorConfiguration) -> Void = { _ in },
            _ body: (Bench, ControlGroups) async throws -> Void
        ) async throws {
            let groups = try #require(ControlGroups.find(dividingProcessors: true))
            try await withBench(
                files: ["app.py": Self.code],
                configure: {
                    $0.groups = groups
                    configure(&$0)
                }
            ) { try await body($0, groups) }
            for tree in groups.trees { #expect(!System.isFolder(tree.folder), "\(tree.folder)") }
        }

        private func text(
            _ file: String,
            _ controller: GroupTree.Controller,
            of groups: ControlGroups
        ) throws -> String {
            let tree = try #require(groups.trees.first { $0.controllers.contains(controller) })
            let names = System.names(in: tree.folder).filter {
                System.isFolder("\(tree.folder)/\($0)")
            }
            #expect(names.count == 1)
            return System.text(of: "\(tree.folder)/\(names.first ?? "")/\(file)")
        }

        @Test("a function runs in a group that bounds its memory and what it may keep in /tmp")
        func bounds() async throws {
            try await withGroups { bench, groups in
                let version = bench.version("app.figure", "python3.12")
                let own = await bench.call(version).text
                #expect(own.contains("portico-"), "\(own)")
                let tree = try #require(groups.trees.first { $0.controllers.contains(.memory) })
                let limit = try #require(tree.memoryLimit(0)?.file)
                let room = Mounting.isPossible || System.isInMemory("/tmp") ? 512 : 0
                #expect(
                    try text(limit, .memory, of: groups) == "\((version.memory + room) << 20)\n"
                )
            }
        }

        @Test("what grows faster than it is measured is ended by the system, with the same words")
        func systemKills() async throws {
            try await withGroups(configure: {
                $0.memoryInterval = .seconds(3600)
                $0.scratchSize = 16 << 20
            }) { bench, _ in
                let version = bench.version("app.hoard", "python3.12", timeout: 300)
                let text = await bench.call(version) { $0.limit = .seconds(300) }.text
                #expect(
                    text == #"outOfMemory {"errorType":"Runtime.ExitError","errorMessage":"#
                        + #""RequestId: id-1 Error: Runtime exited with error: signal: killed"}"#
                )
                let report = try #require(bench.lines.texts.first { $0.hasPrefix("REPORT ") })
                #expect(
                    report.contains("Memory Size: 128 MB\tMax Memory Used: 128 MB"),
                    "\(report)"
                )
            }
        }

        @Test("what has left the process group counts, too")
        func counts() async throws {
            try await withGroups { bench, _ in
                let version = bench.version("app.daemon", "python3.12", timeout: 300)
                let text = await bench.call(version) { $0.limit = .seconds(300) }.text
                #expect(text.hasPrefix("outOfMemory "), "\(text)")
            }
        }

        @Test("files in /tmp are not the function's memory", .enabled(if: Mounting.isPossible))
        func scratch() async throws {
            try await withGroups { bench, _ in
                let version = bench.version("app.files", "python3.12", timeout: 300)
                let text = await bench.call(version) { $0.limit = .seconds(300) }.text
                #expect(text == "success \(300 << 20)")
            }
        }

        @Test("a function of little memory is held to its part of a processor")
        func processors() async throws {
            try await withGroups(configure: { $0.sharesProcessors = true }) { bench, groups in
                let version = bench.version("app.burn", "python3.12", timeout: 300)
                let text = await bench.call(version) { $0.limit = .seconds(300) }.text
                #expect(text == "success \"burned\"")
                let counted = try self.text("cpu.stat", .cpu, of: groups)
                let line = try #require(
                    counted.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }
                )
                #expect(try #require(Int(line.dropFirst(13))) > 10, "\(counted)")
            }
        }

        @Test("what a function leaves running ends with its group")
        func leavesNothing() async throws {
            var left: Int32 = 0
            try await withGroups { bench, _ in
                let version = bench.version("app.child", "python3.12")
                let text = await bench.call(version).text
                left = try #require(Int32(text.dropFirst("success ".count)))
            }
            while kill(left, 0) == 0 { await Task.yield() }
        }

        @Test("groups of a process that was killed are removed with what runs in them")
        func sweeps() async throws {
            let groups = try #require(ControlGroups.find(dividingProcessors: false))
            let tree = try #require(groups.trees.first)
            let owner = try #require(GroupOwner.current)
            let base = System.parent(of: tree.folder)
            let old = "\(base)/portico-\(owner.namespace)-\(owner.pid)-1-9"
            System.makeFolder(old)
            if tree.generation == .second {
                #expect(GroupFolder.put("+memory", in: old + "/cgroup.subtree_control"))
            }
            System.makeFolder(old + "/3")
            let sleeper = Process()
            sleeper.executableURL = URL(fileURLWithPath: "/bin/sleep")
            sleeper.arguments = ["600"]
            try sleeper.start()
            let isIn = GroupFolder.put(
                String(sleeper.processIdentifier),
                in: old + "/3/cgroup.procs"
            )
            #expect(isIn)
            if !isIn { sleeper.terminate() }
            let next = try #require(ControlGroups.find(dividingProcessors: false))
            sleeper.waitUntilExit()
            #expect(sleeper.terminationReason == .uncaughtSignal)
            #expect(!System.isFolder(old))
            await groups.close()
            await next.close()
            #expect(!System.isFolder(tree.folder))
        }
    }
}
