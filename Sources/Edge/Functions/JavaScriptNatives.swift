import Crypto

/// What one run of a function may look up while it runs; its address travels through JavaScript as a number.
final class FunctionCall {
    let store: KeyValueContent?

    init(store: KeyValueContent?) { self.store = store }

    /// The address as JavaScript can carry it; 47 bits fit a number exactly.
    var address: Double { Double(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())) }

    /// The call that an address means.
    static func at(_ address: Double) -> FunctionCall? {
        guard address > 0, let pointer = UnsafeRawPointer(bitPattern: UInt(address)) else {
            return nil
        }
        // SAFETY: only the prelude passes addresses, which it has from the call that is running and
        // whose object the caller keeps until it returns.
        return Unmanaged<FunctionCall>.fromOpaque(pointer).takeUnretainedValue()
    }
}

/// The functions that the prelude calls into the process: digests, codings and the key-value store.
///
/// Binary data are strings with one unit for each byte.
enum JavaScriptNatives {
    /// The names under which the prelude gets them, in the order of its parameters.
    static let all: [(name: String, callback: JavaScriptLibrary.Callback)] = [
        ("digest", digest), ("code", code), ("text", text), ("base64", base64),
        ("octets", octets), ("find", find), ("count", count), ("meta", meta),
    ]

    private typealias Reference = JavaScriptLibrary.Reference

    /// The arguments of a callback with what reads them.
    private struct Arguments {
        let library: JavaScriptLibrary
        let context: Reference?
        let count: Int
        let values: UnsafePointer<Reference?>?

        init?(_ context: Reference?, _ count: Int, _ values: UnsafePointer<Reference?>?) {
            guard let library = JavaScriptLibrary.loaded else { return nil }
            self.library = library
            self.context = context
            self.count = count
            self.values = values
        }

        /// SAFETY: the library gives `count` values; an index beyond them is nil here.
        private func value(_ index: Int) -> Reference? { index < count ? values?[index] : nil }

        func octets(_ index: Int) -> [UInt8] { library.octets(of: value(index), in: context) }

        func text(_ index: Int) -> String {
            String(decoding: library.bytes(of: value(index), in: context), as: UTF8.self)
        }

        /// The key-value store of the running call, which is the first argument.
        var store: KeyValueContent? {
            FunctionCall.at(library.number(context, value(0), nil))?.store
        }

        func result(_ octets: [UInt8]) -> Reference? { library.value(of: octets, in: context) }
        func result(_ text: String) -> Reference? { library.value(of: text, in: context) }
        var undefined: Reference? { library.makeUndefined(context) }
    }

    private static let digest: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values),
            let algorithm = Digest.Algorithm(rawValue: arguments.text(0))
        else { return JavaScriptLibrary.loaded?.makeUndefined(context) }
        return arguments.result(algorithm.digest(arguments.octets(1)))
    }

    private static let code: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values),
            let algorithm = Digest.Algorithm(rawValue: arguments.text(0))
        else { return JavaScriptLibrary.loaded?.makeUndefined(context) }
        return arguments.result(
            algorithm.code(key: arguments.octets(1), arguments.octets(2))
        )
    }

    private static let text: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        return arguments.result(String(decoding: arguments.octets(0), as: UTF8.self))
    }

    private static let octets: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        return arguments.result(Array(arguments.text(0).utf8))
    }

    /// Base64 of bytes, or with a second argument the bytes of Base64 text.
    private static let base64: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        guard count > 1 else { return arguments.result(Base64.encode(arguments.octets(0))) }
        guard let decoded = Base64.decode(arguments.text(0)) else { return arguments.undefined }
        return arguments.result(decoded)
    }

    private static let find: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        guard let value = arguments.store?.pairs[arguments.text(1)] else {
            return arguments.undefined
        }
        return arguments.result(value)
    }

    private static let count: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        guard let store = arguments.store else { return arguments.undefined }
        return arguments.library.makeNumber(context, Double(store.pairs.count))
    }

    private static let meta: JavaScriptLibrary.Callback = { context, _, _, count, values, _ in
        guard let arguments = Arguments(context, count, values) else { return nil }
        guard let store = arguments.store else { return arguments.undefined }
        return arguments.result(store.description)
    }
}
