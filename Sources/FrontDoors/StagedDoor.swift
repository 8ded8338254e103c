import Crypto
import DataPlane
import Edge
import Glibc
import HTTP
import JSON
import Model

/// Which requests of a distribution go to its staging twin.
///
/// Source: "Use continuous deployment to safely test CDN configuration changes".
package struct StagingPolicy: Sendable, Hashable {
    /// What decides.
    package enum Traffic: Sendable, Hashable {
        /// A share of all requests or, with times, of all sessions.
        case weight(Double, Stickiness?)
        /// Requests with this header.
        case header(name: String, value: String)
    }

    /// How long a viewer stays on its side.
    package struct Stickiness: Sendable, Hashable {
        /// Unit: seconds without a request.
        package var idle: Int
        /// Unit: seconds altogether.
        package var most: Int
    }

    package let traffic: Traffic
    /// The ids of staging distributions, in lower case.
    package let distributions: [String]
    /// Differs whenever the policy does: a change ends all sessions.
    package let mark: String

    /// Reads the record that the API keeps of a policy; nil unless it is on.
    package init?(record text: String) {
        guard let config = (try? JSONValue.parse(text))?["Config"],
            config["Enabled"]?.bool == true, let traffic = config["TrafficConfig"]
        else { return nil }
        if let header = traffic["SingleHeaderConfig"], let name = header["Header"]?.string {
            self.traffic = .header(name: name, value: header["Value"]?.string ?? "")
        } else if let share = traffic["SingleWeightConfig"] {
            let sticky = share["SessionStickinessConfig"].map {
                Stickiness(idle: $0["IdleTTL"]?.int ?? 300, most: $0["MaximumTTL"]?.int ?? 600)
            }
            self.traffic = .weight(share["Weight"]?.double ?? 0, sticky)
        } else {
            return nil
        }
        let names = config["StagingDistributionDnsNames"]?["Items"]?.array ?? []
        distributions = names.compactMap { name in
            name.string.map { String($0.prefix { $0 != "." }).lowercased() }
        }
        mark = Digest.hex(Digest.sha256(config.text).prefix(6))
    }
}

/// The door of a distribution that shares its requests with a staging one.
struct StagedDoor: ExchangeHandler {
    let primary: EdgePipeline
    let staging: EdgePipeline
    let policy: StagingPolicy
    /// Unit: seconds since 1970.
    var clock: @Sendable () -> Int = { WallClock.now() }
    /// A number from 0 to 1.
    var draw: @Sendable () -> Double = { Double.random(in: 0..<1) }

    /// The name of the cookie that keeps a viewer on its side.
    var cookie = StagedDoor.cookie

    /// How that is called unless told otherwise.
    static let cookie = EdgeSettings().stagingCookie

    func respond(to exchange: inout Exchange) async -> Response {
        switch policy.traffic {
        case .header(let name, let value):
            let isStaging = exchange.request.headers[name] == value
            return await (isStaging ? staging : primary).respond(to: &exchange)
        case .weight(let share, nil):
            return await (draw() < share ? staging : primary).respond(to: &exchange)
        case .weight(let share, let stickiness?):
            let now = clock()
            let session =
                Session(exchange.request.headers, policy.mark, stickiness, now, cookie)
                ?? Session(isStaging: draw() < share, began: now)
            removeCookie(&exchange.request.headers)
            let pipeline = session.isStaging ? staging : primary
            var response = await pipeline.respond(to: &exchange)
            let text = session.cookie(policy.mark, stickiness, now, cookie)
            response.head.headers.append("Set-Cookie", text)
            return response
        }
    }

    /// The session is CloudFront's affair: neither functions nor caches nor origins see its cookie.
    private func removeCookie(_ headers: inout Headers) {
        guard headers.contains(.cookie) else { return }
        let pairs = headers.all(.cookie).flatMap { $0.split(separator: ";") }
            .map { $0.trimmingASCIIWhitespace() }
        let kept = pairs.filter { !$0.hasPrefix(cookie + "=") }
        guard kept.count < pairs.count else { return }
        headers.remove("cookie")
        if !kept.isEmpty { headers.append("Cookie", kept.joined(separator: "; ")) }
    }

    /// A viewer's time on one side.
    struct Session: Equatable {
        var isStaging: Bool
        /// Unit: seconds since 1970.
        var began: Int

        init(isStaging: Bool, began: Int) {
            self.isStaging = isStaging
            self.began = began
        }

        /// The session that a cookie tells of; nil when there is none or its time is over.
        init?(
            _ headers: Headers,
            _ mark: String,
            _ stickiness: StagingPolicy.Stickiness,
            _ now: Int,
            _ cookie: String = StagedDoor.cookie
        ) {
            guard headers.contains(.cookie) else { return nil }
            let pairs = headers.all(.cookie).flatMap { $0.split(separator: ";") }
                .map { $0.trimmingASCIIWhitespace() }
            guard let pair = pairs.first(where: { $0.hasPrefix(cookie + "=") }) else {
                return nil
            }
            let parts = pair.dropFirst(cookie.count + 1).split(separator: ".")
            guard parts.count == 4, parts[0] == mark, let began = Int(parts[2]),
                let latest = Int(parts[3]), now < began + stickiness.most,
                now < latest + stickiness.idle
            else { return nil }
            isStaging = parts[1] == "s"
            self.began = began
        }

        func cookie(
            _ mark: String,
            _ stickiness: StagingPolicy.Stickiness,
            _ now: Int,
            _ name: String = StagedDoor.cookie
        ) -> String {
            let left = max(0, min(stickiness.idle, began + stickiness.most - now))
            return "\(name)=\(mark).\(isStaging ? "s" : "p").\(began).\(now); "
                + "Max-Age=\(left); Path=/; HttpOnly"
        }
    }
}
