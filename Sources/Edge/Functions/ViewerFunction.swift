import Crypto
import JSON
package import Model

/// The runtimes of CloudFront Functions.
package enum FunctionRuntime: String, Sendable {
    case one = "cloudfront-js-1.0"
    case two = "cloudfront-js-2.0"
}

/// A CloudFront Function as an edge runs it.
package final class ViewerFunction: Sendable {
    /// What a function is asked about.
    package enum Kind: String, Sendable {
        /// A viewer's request, or the response to one.
        case message
        /// A viewer's TLS connection.
        case connection
    }

    package let name: String
    let kind: Kind
    let runtime: FunctionRuntime
    let code: String
    let store: KeyValueContent?
    /// Tells code and runtime apart; contexts are kept under it.
    let key: String

    /// Makes a function.
    package init(
        name: String,
        runtime: FunctionRuntime,
        code: String,
        store: KeyValueContent? = nil,
        kind: Kind = .message
    ) {
        self.name = name
        self.kind = kind
        self.runtime = runtime
        self.code = code
        self.store = store
        key =
            kind.rawValue + "/" + name + "/" + runtime.rawValue + "/"
            + Digest.hex(Digest.sha256(code))
    }
}

extension ViewerFunction {
    /// Reads one stage of the record that the API keeps of a function; nil when it has no such stage.
    ///
    /// A host remembers the contents of stores from one snapshot to the next.
    package convenience init?(
        record text: String,
        stage: String,
        in snapshot: Snapshot,
        host: FunctionHost?,
        kind: Kind = .message
    ) {
        guard let record = try? JSONValue.parse(text),
            let content = record[stage == "LIVE" ? "Live" : "Development"],
            let code = content["Code"]?.string.flatMap(Base64.decode)
        else { return nil }
        let config = content["Config"]
        let arn = config?["KeyValueStoreAssociations"]?["Items"]?[0]?["KeyValueStoreARN"]?.string
        self.init(
            name: record["Name"]?.string ?? "",
            runtime: FunctionRuntime(rawValue: config?["Runtime"]?.string ?? "") ?? .two,
            code: String(decoding: code, as: UTF8.self),
            store: arn.flatMap { Self.store($0, in: snapshot, host) },
            kind: kind
        )
    }
}

extension ViewerFunction {
    /// The content of the store that an ARN names.
    private static func store(
        _ arn: String,
        in snapshot: Snapshot,
        _ host: FunctionHost?
    ) -> KeyValueContent? {
        let quoted = JSONValue.string(arn).text
        let found = snapshot.records.first { key, text in
            key.hasPrefix("cloudfront/key-value-store/") && text.contains(quoted)
        }
        guard let found else { return nil }
        if let host { return host.content(found.key, found.value) }
        return KeyValueContent(record: found.value)
    }
}

/// The functions that distributions of a snapshot may name, and what runs them.
package struct ViewerFunctions: Sendable {
    /// Runs them; nil where nothing runs, as in explanations.
    package var host: FunctionHost?
    private let find: @Sendable (String) -> ViewerFunction?

    /// Functions by the ARN of an association.
    package init(host: FunctionHost?, find: @escaping @Sendable (String) -> ViewerFunction?) {
        self.host = host
        self.find = find
    }

    /// The LIVE stages of a snapshot's functions.
    package init(_ snapshot: Snapshot, host: FunctionHost?) {
        self.init(host: host) { arn in
            let name = arn.split(separator: "/").last.map(String.init) ?? ""
            return snapshot.records["cloudfront/function/\(name)"].flatMap {
                ViewerFunction(record: $0, stage: "LIVE", in: snapshot, host: host)
            }
        }
    }

    /// No functions at all.
    package static let none = ViewerFunctions(host: nil) { _ in nil }

    /// The function that an association means; one that is gone fails when it is asked.
    func function(_ association: ViewerFunctionAssociation) -> ViewerFunction {
        find(association.arn)
            ?? ViewerFunction(name: association.name, runtime: .two, code: "")
    }
}
