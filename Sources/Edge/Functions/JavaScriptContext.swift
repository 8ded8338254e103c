/// Why a function's code gives no answer.
enum JavaScriptFailure: Error, Equatable {
    /// There is no JavaScriptCore on this machine.
    case noLibrary
    /// The code threw, or is not of the language.
    case exception(String)
    /// It ran longer than it may.
    case interrupted
    /// It keeps more memory than it may.
    case outOfMemory
}

/// One function's code in a virtual machine of its own, where it is run again and again.
///
/// Confined to one reactor.
final class JavaScriptContext {
    private typealias Reference = JavaScriptLibrary.Reference

    private let library: JavaScriptLibrary
    private let group: Reference?
    private let context: Reference?
    /// The prelude's function that runs the handler, and without arguments gives what a promise became.
    private var run: Reference?
    /// Unit: bytes, with nothing of the function's own kept.
    private var baseline = 0
    /// Where events are widened.
    private var room: [UInt16] = []

    /// Evaluates the prelude and the function's code.
    ///
    /// `limit` bounds each run in seconds of processor time.
    init(
        code: String,
        _ kind: ViewerFunction.Kind,
        runtime: FunctionRuntime,
        limit: Double
    ) throws(JavaScriptFailure) {
        guard let library = JavaScriptLibrary.loaded else { throw .noLibrary }
        self.library = library
        group = library.makeGroup()
        context = library.makeContext(group, nil)
        let makeSandbox = try evaluate(FunctionPrelude.text, file: "prelude")
        var arguments = [library.makeNumber(context, runtime == .two ? 2 : 1)]
        for native in JavaScriptNatives.all {
            arguments.append(
                library.withString(Array(native.name.utf8)) {
                    library.makeFunction(context, $0, native.callback)
                }
            )
        }
        let install = try call(makeSandbox, arguments)
        library.withString(Array("code is not made from text here".utf8)) {
            library.allowEvaluation(context, false, $0)
        }
        library.limitTime(group, limit, nil, nil)
        try checkSyntax(code)
        let maker = try evaluate(Self.wrapped(code, kind), file: "function")
        run = try call(install, [maker])
        library.protect(context, run)
        baseline = memory()
    }

    deinit {
        library.releaseContext(context)
        library.releaseGroup(group)
    }

    /// The code inside a function that gives the handler; lines keep their numbers.
    private static func wrapped(_ code: String, _ kind: ViewerFunction.Kind) -> String {
        let handler =
            kind == .connection
            ? ConnectionFunction.handler
            : "typeof handler==='function'?handler:undefined"
        return "(function(){'use strict';\(code)\n;return \(handler)})"
    }

    /// Runs the handler with an event in the prelude's box and returns what the prelude says of it.
    func respond(to box: [UInt8], _ state: FunctionCall) throws(JavaScriptFailure) -> [UInt8] {
        guard let value = parse(box) else { throw .exception("the event is not JSON") }
        let said = try call(run, [library.makeNumber(context, state.address), value])
        let text = library.bytes(of: said, in: context)
        // A promise has been settled by now, for nothing here waits for anything outside.
        guard text == [UInt8(ascii: "P")] else { return text }
        let settled = try call(run, [])
        let result = library.bytes(of: settled, in: context)
        guard !result.isEmpty else { throw .interrupted }
        return result
    }

    private func parse(_ json: [UInt8]) -> Reference? {
        var value: Reference?
        if library.withPlain(json, room: &room, { value = library.parseJSON(context, $0) }) {
            return value
        }
        return library.withString(json) { library.parseJSON(context, $0) }
    }

    /// What the context holds after a collection, beyond what it held at first.
    ///
    /// Unit: bytes.
    func growth() -> Int { memory() - baseline }

    private func memory() -> Int {
        library.collect(context)
        guard let statistics = library.memory(context),
            let text = library.writeJSON(context, statistics, 0, nil)
        else { return 0 }
        defer { library.releaseString(text) }
        // The numbers are whole; the members are found by name to need no reader of the whole text.
        let json = String(decoding: library.bytes(of: text), as: UTF8.self)
        return ["\"heapSize\":", "\"extraMemorySize\":"].reduce(0) { sum, name in
            guard let place = json.firstRange(of: name) else { return sum }
            return sum + (Int(json[place.upperBound...].prefix { $0.isNumber }) ?? 0)
        }
    }

    private func checkSyntax(_ code: String) throws(JavaScriptFailure) {
        var problem: Reference?
        let isFine = library.withString(Array(code.utf8)) {
            library.checkSyntax(context, $0, nil, 1, &problem)
        }
        if !isFine { throw failure(problem) }
    }

    private func evaluate(_ text: String, file: String) throws(JavaScriptFailure) -> Reference? {
        var problem: Reference?
        let value = library.withString(Array(text.utf8)) { script in
            library.withString(Array(file.utf8)) {
                library.evaluate(context, script, nil, $0, 1, &problem)
            }
        }
        guard let value else { throw failure(problem) }
        return value
    }

    private func call(
        _ function: Reference?,
        _ arguments: [Reference?]
    ) throws(JavaScriptFailure) -> Reference? {
        var problem: Reference?
        let value = library.call(context, function, nil, arguments.count, arguments, &problem)
        guard let value else { throw failure(problem) }
        return value
    }

    private func failure(_ problem: Reference?) -> JavaScriptFailure {
        let text = String(decoding: library.bytes(of: problem, in: context), as: UTF8.self)
        return text == "JavaScript execution terminated." || text.isEmpty
            ? .interrupted : .exception(text)
    }
}
