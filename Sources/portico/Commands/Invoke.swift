import ArgumentParser
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Invokes a function of a running node through the Lambda API.
struct Invoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Invoke a function: result on standard output, log on standard error.",
        discussion:
            "Exits with 0 on success, 1 when the function failed, 2 when it could not be invoked."
    )

    @Argument(help: "The function's name or logical id, optionally with :VERSION.")
    var name: String

    @Option(help: "A file with the event, or - for standard input.")
    var event: String

    @Option(help: "The API port of the running node.")
    var apiPort = 4566

    func run() async throws {
        let payload: Data
        if event == "-" {
            payload = FileHandle.standardInput.readDataToEndOfFile()
        } else {
            guard let content = FileManager.default.contents(atPath: event) else {
                report("cannot read the event file \(event)")
                throw ExitCode(2)
            }
            payload = content
        }
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_.$")
        let function = parts[0].addingPercentEncoding(withAllowedCharacters: allowed) ?? parts[0]
        var address = "http://127.0.0.1:\(apiPort)/2015-03-31/functions/\(function)/invocations"
        if parts.count == 2,
            let qualifier = parts[1].addingPercentEncoding(withAllowedCharacters: allowed)
        {
            address += "?Qualifier=\(qualifier)"
        }
        guard let url = URL(string: address) else {
            throw ValidationError("'\(name)' is no function name")
        }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = payload
        request.timeoutInterval = 910
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("Tail", forHTTPHeaderField: "X-Amz-Log-Type")
        let body: Data
        let answer: HTTPURLResponse
        do {
            let (data, response) = try await URLSession.shared.data(for: request)
            guard let http = response as? HTTPURLResponse else { throw ExitCode(2) }
            (body, answer) = (data, http)
        } catch {
            report("no answer from 127.0.0.1:\(apiPort): is `portico up` running there?")
            throw ExitCode(2)
        }
        if let log = answer.value(forHTTPHeaderField: "X-Amz-Log-Result"),
            let text = Data(base64Encoded: log)
        {
            FileHandle.standardError.write(text)
        }
        guard answer.statusCode == 200 else {
            report(Self.sentence(body, answer))
            throw ExitCode(2)
        }
        FileHandle.standardOutput.write(body + Data("\n".utf8))
        if let failure = answer.value(forHTTPHeaderField: "X-Amz-Function-Error") {
            report("function error: \(failure)")
            throw ExitCode(1)
        }
    }

    /// The service's message with its error code; the body as it is when it has none.
    private static func sentence(_ body: Data, _ answer: HTTPURLResponse) -> String {
        let members = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
        let code =
            answer.value(forHTTPHeaderField: "x-amzn-ErrorType") ?? "HTTP \(answer.statusCode)"
        guard let text = (members?["Message"] ?? members?["message"]) as? String else {
            return "\(code): " + String(decoding: body, as: UTF8.self)
        }
        return "\(code): \(text)"
    }

    private func report(_ text: String) {
        FileHandle.standardError.write(Data(("portico: " + text + "\n").utf8))
    }
}
