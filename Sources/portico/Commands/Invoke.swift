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
        let function = try functionAddress()
        guard let url = URL(string: function.address("invocations")) else {
            throw ValidationError("'\(name)' is no function name")
        }
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = payload
        request.timeoutInterval = 910
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.setValue("Tail", forHTTPHeaderField: "X-Amz-Log-Type")
        var (body, answer) = try await send(request)
        if Self.isPending(answer), await waitWhilePending(function) {
            (body, answer) = try await send(request)
        }
        try show(body, answer)
    }

    private func show(_ body: Data, _ answer: HTTPURLResponse) throws {
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

    // MARK: A function that is being made

    /// How long a function may be pending: its snapshot is made with its static code.
    ///
    /// Source: "Lambda SnapStart runtime hooks for Python": 130 seconds, or the function's timeout of at most 900.
    private static let pendingLimit = Duration.seconds(910)
    private static let pendingPause = Duration.milliseconds(200)

    /// Whether the function was not there yet.
    private static func isPending(_ answer: HTTPURLResponse) -> Bool {
        let code = answer.value(forHTTPHeaderField: "x-amzn-ErrorType") ?? ""
        return answer.statusCode == 409
            && ["SnapStartNotReadyException", "ResourceConflictException"].contains(code)
    }

    /// Waits as `aws lambda wait function-active` does; false when there is nothing to wait for.
    private func waitWhilePending(_ function: FunctionAddress) async -> Bool {
        guard let url = URL(string: function.address("configuration")) else { return false }
        let end = ContinuousClock.now + Self.pendingLimit
        var hasSaid = false
        while ContinuousClock.now < end {
            guard let (data, _) = try? await URLSession.shared.data(from: url),
                let found = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
                let state = found["State"] as? String
            else { return false }
            guard state == "Pending" else { return true }
            if !hasSaid { report("\(name) is being made; the call waits for it") }
            hasSaid = true
            try? await Task.sleep(for: Self.pendingPause)
        }
        return true
    }

    /// Where a function's pages are on the API port.
    private struct FunctionAddress {
        var base: String
        var query: String

        func address(_ page: String) -> String { base + "/" + page + query }
    }

    private func functionAddress() throws -> FunctionAddress {
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_.$")
        let function = parts[0].addingPercentEncoding(withAllowedCharacters: allowed) ?? parts[0]
        var query = ""
        if parts.count == 2,
            let qualifier = parts[1].addingPercentEncoding(withAllowedCharacters: allowed)
        {
            query = "?Qualifier=\(qualifier)"
        }
        return FunctionAddress(
            base: "http://127.0.0.1:\(apiPort)/2015-03-31/functions/\(function)",
            query: query
        )
    }

    private func send(_ request: URLRequest) async throws -> (Data, HTTPURLResponse) {
        do {
            let (data, response) = try await URLSession.shared.data(for: request)
            guard let answer = response as? HTTPURLResponse else { throw ExitCode(2) }
            return (data, answer)
        } catch {
            report("no answer from 127.0.0.1:\(apiPort): is `portico up` running there?")
            throw ExitCode(2)
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
