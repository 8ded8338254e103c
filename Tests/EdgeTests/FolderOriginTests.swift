import DataPlane
import Glibc
import HTTP
import Testing

@testable import Edge

@Suite("Buckets as folders")
struct FolderOriginTests {
    /// Runs a check on a folder with a few files, then removes it.
    private func withFolder(_ check: (String) async throws -> Void) async throws {
        var template = Array("/tmp/edge-folder-XXXXXX".utf8CString)
        let base = try #require(mkdtemp(&template).map { String(cString: $0) })
        let site = base + "/site"
        #expect(mkdir(site, 0o700) == 0)
        try write("<p>hi", to: site + "/index.html")
        try write("secret", to: base + "/secret.txt")
        #expect(symlink("../secret.txt", site + "/link.txt") == 0)
        defer {
            for path in ["/site/index.html", "/site/link.txt", "/secret.txt"] {
                unlink(base + path)
            }
            rmdir(site)
            rmdir(base)
        }
        try await check(site)
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }

    private func get(_ path: String, _ folder: String, headers: Headers = [:]) -> Response {
        FolderOrigin.respond(
            to: RequestHead(method: "GET", path: path, headers: headers),
            folder: folder
        )
    }

    @Test("files are served with their type, date and tag")
    func filesAreServed() async throws {
        try await withFolder { folder in
            let response = get("/index.html", folder)
            #expect(response.head.status == 200)
            #expect(response.head.headers["content-type"] == "text/html")
            #expect(response.head.headers["last-modified"] != nil)
            let tag = try #require(response.head.headers["etag"])
            guard case .stream(let source, length: 5) = response.body else {
                Issue.record("no stream of five bytes")
                return
            }
            #expect(try await source.read() == Array("<p>hi".utf8)[...])
            #expect(try await source.read() == nil)
            #expect(get("/index.html", folder, headers: ["If-None-Match": tag]).head.status == 304)
        }
    }

    @Test("a range of a file is served, and one beyond its end refused")
    func ranges() async throws {
        try await withFolder { folder in
            let part = get("/index.html", folder, headers: ["Range": "bytes=1-2"])
            #expect(part.head.status == 206)
            #expect(part.head.headers["content-range"] == "bytes 1-2/5")
            #expect(part.head.headers["content-length"] == "2")
            guard case .stream(let source, length: 2) = part.body else {
                Issue.record("no stream of two bytes")
                return
            }
            let piece = try await source.read()
            #expect(piece == Array("p>".utf8)[...])
            let end = try await source.read()
            #expect(end == nil)
            let beyond = get("/index.html", folder, headers: ["Range": "bytes=9-"])
            #expect(beyond.head.status == 416)
            let other = get(
                "/index.html",
                folder,
                headers: ["Range": "bytes=1-2", "If-Range": "\"other\""]
            )
            #expect(other.head.status == 200)
        }
    }

    @Test("who may not list a bucket does not learn what is missing in it")
    func unlisted() async throws {
        try await withFolder { folder in
            for (path, status) in [("/none", 403), ("/", 403), ("/index.html", 200)] {
                let response = FolderOrigin.respond(
                    to: RequestHead(method: "GET", path: path),
                    folder: folder,
                    mayList: false
                )
                #expect(response.head.status == status)
            }
        }
    }

    @Test(
        "nothing outside of the folder is served",
        arguments: [
            ("/none", 404), ("/", 404), ("/../secret.txt", 403), ("/%2e%2e/secret.txt", 403),
            ("/a/..%2f..%2fsecret.txt", 403), ("/link.txt", 404), ("/%00", 403), ("/%zz", 403),
            ("//etc/passwd", 403),
        ]
    )
    func nothingOutsideIsServed(_ path: String, _ status: Int) async throws {
        try await withFolder { folder in
            let response = get(path, folder)
            #expect(response.head.status == status)
            guard case .bytes(let bytes) = response.body else {
                Issue.record("no XML body")
                return
            }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains(status == 404 ? "NoSuchKey" : "AccessDenied"))
        }
    }
}
