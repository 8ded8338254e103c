import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A request to the pages of a running node.
enum NodeCall {
    /// The content of a page.
    ///
    /// - Throws: `CommandFailure` with the node's own words, or when none answers.
    static func send(_ method: String, _ path: String, apiPort: Int) async throws -> Data {
        guard let url = URL(string: "http://127.0.0.1:\(apiPort)\(path)") else {
            throw CommandFailure("'\(path)' is no path")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.timeoutInterval = 30
        let answer: (Data, URLResponse)
        do {
            answer = try await URLSession.shared.data(for: request)
        } catch {
            throw CommandFailure("no answer from 127.0.0.1:\(apiPort): is a node running there?")
        }
        guard let response = answer.1 as? HTTPURLResponse, response.statusCode == 200 else {
            throw CommandFailure(
                String(decoding: answer.0, as: UTF8.self).trimmingCharacters(in: .newlines)
            )
        }
        return answer.0
    }
}
