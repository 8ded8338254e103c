import Foundation
import JSON
import Testing
import Testkit

@testable import portico

@Suite("Generated events")
struct EventShapeTests {
    private func record(
        _ shape: EventShape,
        _ edit: (inout EventShape.Values) -> Void = { _ in }
    )
        -> JSONValue?
    {
        var values = EventShape.Values()
        values.time = Date(timeIntervalSince1970: 1_567_539_447.5)
        edit(&values)
        return shape.make(values)["Records"]?.array?.first
    }

    @Test("every kind is JSON that reads back as it was", arguments: EventShape.allCases)
    func readsBack(shape: EventShape) throws {
        let value = shape.make(EventShape.Values())
        let text = String(decoding: value.encoded(), as: UTF8.self)
        #expect(try JSONValue.parse(text) == value)
    }

    @Test("an S3 record encodes the key like a form and has AWS's spelling")
    func s3() throws {
        let put = try #require(record(.s3Put) { $0.key = "dir/my file+ü.txt" })
        #expect(put["eventTime"]?.string == "2019-09-03T19:37:27.500Z")
        #expect(put["eventName"]?.string == "ObjectCreated:Put")
        #expect(put["s3"]?["object"]?["key"]?.string == "dir/my+file%2B%C3%BC.txt")
        #expect(put["s3"]?["bucket"]?["arn"]?.string == "arn:aws:s3:::my-bucket")
        let delete = try #require(record(.s3Delete))
        #expect(delete["s3"]?["object"]?["size"] == nil && delete["s3"]?["object"]?["eTag"] == nil)
    }

    @Test("an SNS record keeps the capitals of function events, and a null subject")
    func sns() throws {
        let found = try #require(record(.sns))
        #expect(found["EventSource"]?.string == "aws:sns")
        #expect(found["Sns"]?["SigningCertUrl"]?.string?.hasSuffix(".pem") == true)
        #expect(found["Sns"]?["Subject"] == .null)
    }

    @Test("the MD5 of an SQS body is that of RFC 1321")
    func md5() {
        #expect(MD5.hex("") == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(MD5.hex("abc") == "900150983cd24fb0d6963f7d28e17f72")
        #expect(
            MD5.hex(String(repeating: "1234567890", count: 8))
                == "57edf4a22be3c955ac49da2e2107b67a"
        )
    }

    @Test("log data unpacks to the document")
    func logs() throws {
        let data = EventShape.cloudWatchLogs.make(EventShape.Values())["awslogs"]?["data"]?.string
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            "import sys,base64,gzip;print(gzip.decompress(base64.b64decode(sys.argv[1])).decode(),end='')",
            try #require(data),
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.start()
        let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let document = try JSONValue.parse(String(decoding: bytes, as: UTF8.self))
        #expect(document["messageType"]?.string == "DATA_MESSAGE")
        #expect(document["logGroup"]?.string == "/aws/lambda/sample")
    }
}
