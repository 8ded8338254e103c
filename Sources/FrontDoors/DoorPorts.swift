/// The ports of this process that stand for 443 and 80.
package struct DoorPorts: Sendable, Hashable {
    package var https: Int
    package var http: Int

    /// Makes the two ports.
    package init(https: Int, http: Int) {
        self.https = https
        self.http = http
    }

    func real(_ port: Int) -> Int { port == 443 ? https : port == 80 ? http : port }
}
