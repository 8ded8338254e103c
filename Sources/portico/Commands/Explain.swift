import ArgumentParser
import DataPlane
import Edge
import Foundation
import FrontDoors
import HTTP
import Model
import Templates

/// Tells what would become of a request, without sending anything.
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what would become of a request: door, behavior, checks, key, origin."
    )

    @Argument(help: "The method.")
    var method: String

    @Argument(help: "The URL, such as https://localhost:8443/a?b=c.")
    var url: String

    @Option(name: [.customShort("H"), .long], help: "A header as 'Name: value'. May be repeated.")
    var header: [String] = []

    @Option(help: "The template.")
    var template = "template.yaml"

    @Option(help: "The folder for the registry, edges and logs.")
    var state = ".portico"

    @Option(help: "A parameter as Name=Value. May be given more than once.")
    var parameter: [String] = []

    func run() async throws {
        guard let target = URLComponents(string: url), let host = target.host,
            ["http", "https"].contains(target.scheme ?? "")
        else { throw CommandFailure("'\(url)' is no URL with http or https") }
        let snapshot = try compiled()
        let table = FrontDoorTable(snapshot)
        switch table.destination(of: host) {
        case .unknown: throw CommandFailure("no door has the name \(host)")
        case .index: print("the page that lists the doors")
        case .door(.loadBalancer(let arn)):
            guard let balancer = snapshot.loadBalancers[arn] else { return }
            let head = try head(target, host)
            let lines = DoorExplanation.lines(balancer, head, isTLS: target.scheme == "https")
            for line in lines { print(line) }
        case .door(.api(let id)):
            guard let api = snapshot.apis[id] else { return print("API \(id)") }
            for line in DoorExplanation.lines(api, try head(target, host)) { print(line) }
        case .door(.distribution(let id)):
            guard let distribution = snapshot.resolvedDistribution(id) else { return }
            let pipeline = EdgePipeline(
                distribution: distribution,
                edge: EdgeIdentity(name: "iad", httpsPort: 443),
                cache: CacheStore(byteLimit: 1 << 20),
                invoker: NothingRuns(),
                origins: NothingAnswers(),
                signers: snapshot.signers,
                locations: LocationTable(snapshot.locations),
                log: { _ in }
            )
            let viewer = Viewer(
                address: "127.0.0.1",
                port: 0,
                isTLS: target.scheme == "https",
                localPort: target.port ?? 443
            )
            for line in pipeline.explain(try head(target, host), viewer: viewer) { print(line) }
        case .door(let key): print("\(key)")
        }
    }

    private func compiled() throws -> Snapshot {
        let stack = try Stack(templatePath: template, parameters: parameter)
        let plan = stack.compile(state: URL(fileURLWithPath: state).standardizedFileURL.path)
        guard plan.isValid else {
            for diagnostic in plan.diagnostics { print(diagnostic) }
            throw ExitCode(1)
        }
        let versions = Dictionary(
            plan.functions.map { ($0.logicalID, 1) },
            uniquingKeysWith: { first, _ in first }
        )
        let resources = plan.resources(versions: versions).resources
        return Snapshot().applying(resources.map { .put($0) }, revision: 1)
    }

    private func head(_ target: URLComponents, _ host: String) throws -> RequestHead {
        var headers: Headers = [
            "Host": target.port.map { "\(host):\($0)" } ?? host, "User-Agent": "portico-explain",
        ]
        for text in header {
            guard let colon = text.firstIndex(of: ":") else {
                throw CommandFailure("'\(text)' is no header in the form 'Name: value'")
            }
            let value = text[text.index(after: colon)...].trimmingASCIIWhitespace()
            headers.set(String(text[..<colon]), String(value))
        }
        let path = target.percentEncodedPath
        return RequestHead(
            method: method.uppercased(),
            path: path.isEmpty ? "/" : path,
            query: target.percentEncodedQuery,
            headers: headers
        )
    }
}

/// An executor for explanations, which run nothing.
private struct NothingRuns: FunctionInvoker {
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        .notFound(invocation.function)
    }
}

/// Origins for explanations, which ask nobody.
private struct NothingAnswers: OriginResolver {
    func target(for origin: OriginRequest) -> OriginTarget {
        .upstream(UpstreamTarget(host: origin.origin.domainName, port: origin.port, isTLS: false))
    }
}
