import HTTP
import JSON
import Model
import Reactor
import Testing

@testable import Edge

/// What functions find in their runtime, without a pipeline.
@Suite("Runtime of CloudFront Functions", .enabled(if: FunctionHost.isAvailable))
struct FunctionRuntimeTests {
    /// Runs a body of statements whose last one returns a value; gives the value as JSON or the error.
    static func value(
        _ body: String,
        _ runtime: FunctionRuntime = .two,
        store: KeyValueContent? = nil
    ) -> String {
        run("function handler(event) { \(body) }", runtime, store: store).text
    }

    static func run(
        _ code: String,
        _ runtime: FunctionRuntime = .two,
        store: KeyValueContent? = nil,
        functions: ReactorFunctions = ReactorFunctions(),
        box: String = box
    ) -> FunctionOutcome {
        let function = ViewerFunction(name: "f", runtime: runtime, code: code, store: store)
        return functions.run(function, Array(box.utf8), at: MonotonicInstant(nanoseconds: 1))
    }

    static let box = """
        {"event":{"version":"1.0","context":{"eventType":"viewer-request"},"viewer":{"ip":"::1"},\
        "request":{"method":"GET","uri":"/a","querystring":{},"headers":{},"cookies":{}}},\
        "raw":"b=1&a=%20","edge":"IAD89-P1"}
        """

    @Test("an event of any script arrives as it was sent, and so does the result")
    func scripts() {
        let code = "function handler(e) { var uri = e.request.uri; return [uri, uri.length]; }"
        for uri in ["/a", "/ü", "/€😀", "/" + String(repeating: "x", count: 3000)] {
            let box = Self.box.replacing("\"/a\"", with: "\"\(uri)\"")
            #expect(Self.run(code, box: box).text == "[\"\(uri)\",\(uri.utf16.count)]")
        }
    }

    @Test(
        "modules and helpers compute what their pages say",
        arguments: [
            (
                "require('crypto').createHash('md5').update('a').digest('hex')",
                "0cc175b9c0f1b6a831c399e269772661"
            ),
            (
                "require('crypto').createHash('sha1').update('a').update('b').digest('base64')",
                "2iNhTgJGmg18e9G9q1ycR0sZBNw="
            ),
            (
                "require('crypto').createHmac('sha256', 'k').update('ü').digest('base64url')",
                "uWVEDoG9C7Ffz34cARp5xcxbVXDQ7MVLMHwl5TjFpJY"
            ),
            ("Buffer.isBuffer(require('crypto').createHash('md5').digest())", "true"),
            ("require('querystring').parse('name=value&abc=xyz&abc=1%202').abc.join()", "xyz,1 2"),
            (
                "require('querystring').stringify({name:'value',abc:['xyz','1 2'],e:''})",
                "name=value&abc=xyz&abc=1%202&e="
            ),
            ("Buffer.from('ü€').toString('hex')", "c3bce282ac"),
            ("Buffer.from('aGk', 'base64').toString()", "hi"),
            ("Buffer.from([1,2,3]).readUInt16BE(1)", "515"),
            ("Buffer.concat([Buffer.from('a'), Buffer.from('bc')]).indexOf('c')", "2"),
            ("Buffer.alloc(4).fill('ab').toString()", "abab"),
            (
                "(b => { b.writeDoubleLE(1.5, 0); return b.readDoubleLE(0) })(Buffer.alloc(8))",
                "1.5"
            ),
            ("Buffer.from([1,2,3,4]).swap16().toJSON().data.join()", "2,1,4,3"),
            ("Buffer.compare(Buffer.from('a'), Buffer.from('b'))", "-1"),
            ("Buffer.from('abc').subarray(1).equals(Buffer.from('bc'))", "true"),
            ("atob(btoa('hi'))", "hi"),
            ("new TextDecoder().decode(new TextEncoder().encode('ü'))", "ü"),
            ("'a-b-c'.replaceAll('-', '+')", "a+b+c"),
            ("Date.now() === new Date().getTime()", "true"),
            (
                "typeof event.request.rawQueryString() + event.request.rawQueryString()",
                "stringb=1&a=%20"
            ),
            ("Object.keys(event.request).indexOf('rawQueryString')", "-1"),
        ]
    )
    func modules(expression: String, expected: String) {
        #expect(Self.value("return { v: String(\(expression)) }") == "{\"v\":\"\(expected)\"}")
    }

    @Test(
        "runtime 1.0 has byte strings and digests that are ones",
        arguments: [
            ("String.bytesFrom([0x61, 0x62])", "ab"), ("'abc'.fromBytes(1)", "bc"),
            ("'ü'.toUTF8().length", "2"), ("'ü'.toUTF8().fromUTF8()", "ü"),
            ("'€'.toBytes()", "null"),
            ("require('crypto').createHash('md5').update('a').digest().length", "16"),
            ("typeof Buffer + typeof atob", "undefinedundefined"),
        ]
    )
    func firstRuntime(expression: String, expected: String) {
        #expect(
            Self.value("return { v: String(\(expression)) }", .one) == "{\"v\":\"\(expected)\"}"
        )
    }

    @Test(
        "what no page lists is not there",
        arguments: [
            "typeof setTimeout", "typeof fetch", "typeof process", "typeof Map", "typeof Proxy",
            "typeof Reflect", "typeof WebAssembly", "typeof Intl", "typeof BigInt",
            "typeof [].flat",
            "typeof ''.at", "typeof ''.localeCompare", "typeof Object.fromEntries",
            "typeof [].findLast", "typeof SharedArrayBuffer", "typeof queueMicrotask",
        ]
    )
    func absence(expression: String) {
        #expect(Self.value("return { v: \(expression) }") == "{\"v\":\"undefined\"}")
    }

    @Test("code is not made from text", arguments: ["eval('1')", "new Function('return 1')()"])
    func noEvaluation(expression: String) {
        #expect(Self.value("return { v: \(expression) }").hasPrefix("EvalError"))
    }

    @Test("errors carry name, message and line")
    func errors() {
        let code = "\n\nfunction handler(event) {\n  return missing.value;\n}"
        #expect(
            Self.run(code).text == "ReferenceError: Can't find variable: missing (line 4)"
        )
        #expect(Self.run("function other() {}").text.contains("handler"))
        #expect(Self.run("function handler( {").text.hasPrefix("SyntaxError"))
    }

    @Test("a loop is ended, also in a promise, and the next run is whole again")
    func loops() {
        let functions = ReactorFunctions()
        let loop = "function handler(event) { if (event.loop) for (;;) {} return { v: 1 } }"
        let box = #"{"event":{"loop":true,"request":{}}}"#
        #expect(Self.run(loop, functions: functions, box: box).text == "interrupted")
        #expect(Self.run(loop, functions: functions).text == "{\"v\":1}")
        let later = "async function handler(event) { await 1; for (;;) {} }"
        #expect(Self.run(later, functions: functions).text == "interrupted")
        let never = "async function handler(event) { await new Promise(function () {}); }"
        #expect(Self.run(never, functions: functions).text == "interrupted")
    }

    @Test("a function that is ended again and again is throttled for a while")
    func throttling() {
        let functions = ReactorFunctions()
        let function = ViewerFunction(
            name: "f",
            runtime: .two,
            code: "function handler() { for (;;) {} }"
        )
        func end(at seconds: Int64) -> FunctionOutcome.End {
            let time = MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
            return functions.run(function, Array(Self.box.utf8), at: time).end
        }
        for _ in 0..<FunctionHost.strikes { #expect("\(end(at: 1))" == "interrupted") }
        #expect("\(end(at: 1))" == "throttled")
        #expect("\(end(at: 3))" == "interrupted")
    }

    @Test("functions share nothing, runs of one share its globals")
    func isolation() {
        let functions = ReactorFunctions()
        let count = "var n = 0; function handler() { n++; return { v: n } }"
        #expect(Self.run(count, functions: functions).text == "{\"v\":1}")
        #expect(Self.run(count, functions: functions).text == "{\"v\":2}")
        #expect(Self.run(count + " ", functions: functions).text == "{\"v\":1}")
    }

    @Test("lines of the log are kept up to 10 KB, objects as JSON")
    func logs() {
        let outcome = Self.run(
            "function handler() { console.log('a'); console.log({b: 1}, 'c'); return {} }"
        )
        #expect(outcome.logs == ["a", "{\"b\":1}"])
        let long = Self.run(
            "function handler() { for (var i = 0; i < 20; i++) console.log('x'.repeat(1024)); }"
        )
        #expect(long.logs.reduce(0) { $0 + $1.utf8.count } == 10_240)
    }

    @Test("the key-value store is read as text, JSON and bytes; a missing key throws")
    func store() {
        let store = KeyValueContent(
            id: "s1",
            pairs: ["a": "1", "j": "{\"x\":[1]}"],
            created: 1,
            modified: 2
        )
        func read(_ body: String) -> String {
            let code = "import cf from 'cloudfront';\nconst s = cf.kvs('s1');\n"
            return Self.run(code + "async function handler(event) { \(body) }", store: store).text
        }
        #expect(read("return { v: await s.get('a') }") == "{\"v\":\"1\"}")
        #expect(read("return (await s.get('j', {format: 'json'})).x") == "[1]")
        #expect(read("return { v: (await s.get('a', {format: 'bytes'}))[0] }") == "{\"v\":49}")
        #expect(
            read("return { v: [await s.exists('a'), await s.exists('b')] }")
                == "{\"v\":[true,false]}"
        )
        #expect(read("return { v: await s.count() }") == "{\"v\":2}")
        #expect(
            read("return await s.meta()").contains(
                "\"creationDateTime\":\"1970-01-01T00:00:01.000Z\""
            )
        )
        #expect(read("return await s.get('none')").hasPrefix("Error: KeyNotFound"))
        let orphan =
            "async function handler() { return await require('cloudfront').kvs().get('a') }"
        #expect(Self.run(orphan).text.contains("no key value store"))
    }

    @Test("what a function keeps is measured")
    func memory() {
        let functions = ReactorFunctions()
        let code =
            "var held = []; function handler() { held.push(new Uint8Array(1 << 20)); return {} }"
        let function = ViewerFunction(name: "f", runtime: .two, code: code)
        for _ in 0..<4 { _ = Self.run(code, functions: functions) }
        #expect(functions.growth(of: function) > FunctionHost.memoryLimit)
    }
}

extension FunctionOutcome {
    /// The value's JSON, or what went wrong.
    var text: String {
        switch end {
        case .value(let json): String(decoding: json, as: UTF8.self)
        case .exception(let text): text
        default: "\(end)"
        }
    }
}

/// The syntax that runtimes refuse.
@Suite("Syntax of CloudFront Functions")
struct FunctionSyntaxTests {
    @Test(
        "what both runtimes take passes",
        arguments: [
            "var f = function (a, ...rest) { return rest }", "var g = (a) => ({ b: a })",
            "var t = `a ${b ? `c ${d}` : '}'} e`; var r = /[/]class/.test(t)",
            "outer: for (var k in o) { continue outer }", "var x = a ? .5 : b; var y = a?.5:b",
            "// class let\n/* ?? */ var s = 'class'; o.class = 1; o = { class: 1, of: 2 }",
            "var p = a / b / c; if (a) { /re/.test(b) }",
        ]
    )
    func taken(code: String) {
        #expect(FunctionSyntax(code, .one).refusal == nil)
        #expect(FunctionSyntax(code, .two).refusal == nil)
    }

    @Test(
        "what neither runtime lists is refused with its line",
        arguments: [
            ("\nclass A {}", "`class`"), ("a?.b", "optional chaining"), ("a ?? b", "??"),
            ("a ||= 1", "||="), ("var [a] = b", "destructuring"), ("f(...a)", "spreading"),
            ("var o = { ...p }", "spreading"), ("function* g() {}", "generators"),
            ("for (var a of b) {}", "for…of"), ("function f(a = 1) {}", "default"),
            ("({ a }) => a", "destructuring"), ("export default 1", "`export`"),
            ("import fs from 'fs' assert", ""), ("var n = 1n", "big integers"),
        ].filter { !$0.1.isEmpty }
    )
    func refused(code: String, word: String) throws {
        let refusal = try #require(FunctionSyntax(code, .two).refusal)
        #expect(refusal.contains(word))
        #expect(refusal.contains(code.hasPrefix("\n") ? "line 2" : "line 1"))
    }

    @Test(
        "what 2.0 added is refused in 1.0",
        arguments: ["let a = 1", "const a = 1", "async function f() {}", "var a = 1_000"]
    )
    func added(code: String) {
        #expect(FunctionSyntax(code, .two).refusal == nil)
        #expect(FunctionSyntax(code, .one).refusal?.contains("cloudfront-js-1.0") == true)
    }

    @Test("imports of modules become constants on the same line")
    func imports() {
        let code = "import cf from 'cloudfront';\nimport q from \"querystring\";\nvar a;"
        #expect(
            FunctionSyntax(code, .two).evaluable
                == "const cf=require('cloudfront');\nconst q=require(\"querystring\");\nvar a;"
        )
        #expect(FunctionSyntax(code, .one).refusal?.contains("`import`") == true)
    }
}

/// Runs outside requests.
@Suite("Trials of CloudFront Functions", .enabled(if: FunctionHost.isAvailable))
struct FunctionTrialTests {
    static func trial(_ body: String) -> FunctionTrial {
        let function = ViewerFunction(
            name: "f",
            runtime: .two,
            code: "function handler(event) { \(body) }"
        )
        let event = #"{"context":{"eventType":"viewer-request"},"request":{"headers":{}}}"#
        return FunctionHost().test(function, event: Array(event.utf8))
    }

    @Test("a trial gives output, log and utilisation")
    func output() {
        let trial = Self.trial("console.log('a'); return event.request")
        #expect(trial.output == #"{"request":{"headers":{}}}"# && trial.logs == ["a"])
        #expect(trial.error.isEmpty && (1...70).contains(trial.utilization))
        let made = Self.trial("return { statusCode: 200 }")
        #expect(made.output == #"{"response":{"statusCode":200}}"#)
    }

    @Test("a trial finds what throws, runs too long or keeps too much, and no broken rules")
    func errors() {
        #expect(Self.trial("throw new Error('x')").error.hasSuffix("Error: x (line 1)"))
        #expect(Self.trial("for (;;) {}").utilization == 100)
        #expect(
            Self.trial("globalThis.a = new Uint8Array(3 << 20); return {}").error.contains("memory")
        )
        #expect(
            Self.trial("event.request.headers.host = { value: 'x' }; return event.request").error
                .isEmpty
        )
    }
}
