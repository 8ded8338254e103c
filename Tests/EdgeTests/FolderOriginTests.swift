import DataPlane
import Glibc
import HTTP
import Testing

@testable import Edge

@Suite
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

    @Test
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

    @Test(arguments: [
        ("/none", 404), ("/", 404), ("/../secret.txt", 403), ("/%2e%2e/secret.txt", 403),
        ("/a/..%2f..%2fsecret.txt", 403), ("/link.txt", 404), ("/%00", 403), ("/%zz", 403),
        ("//etc/passwd", 403),
    ])
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
