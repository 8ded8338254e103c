import DataPlane
import Foundation
import Model

extension Node {
    /// Prints where everything is, and that viewers may come.
    func announce(_ listeners: Listeners, snapshot: Snapshot) {
        guard let https = listeners.https.first?.port, let http = listeners.http.first?.port,
            let api = listeners.api.first?.port
        else { return }
        for distribution in snapshot.distributions.values.sorted(by: { $0.id < $1.id }) {
            print(
                "distribution  https://\(distribution.id.lowercased()).cloudfront.localhost:\(https)/"
            )
            for alias in distribution.aliases { print("              https://\(alias):\(https)/") }
        }
        for balancer in snapshot.loadBalancers.values.sorted(by: { $0.name < $1.name }) {
            print("load balancer https://\(balancer.name).elb.localhost:\(https)/")
        }
        for api in snapshot.apis.values.sorted(by: { $0.id < $1.id }) {
            print("HTTP API      https://\(api.id).execute-api.localhost:\(https)/  (\(api.name))")
        }
        for api in snapshot.restAPIs.values.sorted(by: { $0.id < $1.id }) {
            let stage = api.stages.first?.name ?? ""
            print(
                "REST API      https://\(api.id).execute-api.localhost:\(https)/\(stage)  (\(api.name))"
            )
        }
        for api in snapshot.webSocketAPIs.values.sorted(by: { $0.id < $1.id }) {
            let stage = api.stages.first?.name ?? ""
            print(
                "WebSocket API wss://\(api.id).execute-api.localhost:\(https)/\(stage)  (\(api.name))"
            )
        }
        for domain in snapshot.domains.keys.sorted() {
            print("custom domain https://\(domain):\(https)/")
        }
        for (id, placed) in snapshot.functionURLs.sorted(by: { $0.key < $1.key }) {
            print(
                "function URL  https://\(id).lambda-url.us-east-1.localhost:\(https)/  (\(placed.function))"
            )
        }
        if configuration.edges.count > 1 {
            for edge in configuration.edges {
                print("edge          https://\(edge).edge.localhost:\(https)/")
            }
        }
        print("CA            \(configuration.certificates)/ca.pem")
        print("https \(https)  http \(http)  api \(api)")
        print("ready")
        fflush(nil)
    }
}
