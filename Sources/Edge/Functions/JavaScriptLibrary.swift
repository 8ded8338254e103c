import Glibc

/// JavaScriptCore's C interface, found in the system's library when the first function runs.
///
/// Nothing links to it: a machine without the library serves everything but CloudFront Functions.
/// References are opaque: contexts, strings and values alike, the last ones not even pointers.
final class JavaScriptLibrary: @unchecked Sendable {
    // SAFETY: all members are addresses of C functions, set once and never changed; the library takes
    // a lock of its own around each context.

    typealias Reference = OpaquePointer
    typealias Callback =
        @convention(c) (
            Reference?, Reference?, Reference?, Int, UnsafePointer<Reference?>?,
            UnsafeMutablePointer<Reference?>?
        ) -> Reference?
    typealias Exception = UnsafeMutablePointer<Reference?>

    /// What a user installs.
    static let package = "libjavascriptcoregtk-4.1-0"
    private static let names = [
        "libjavascriptcoregtk-4.1.so.0", "libjavascriptcoregtk-6.0.so.1",
        "libjavascriptcoregtk-4.0.so.18",
    ]
    /// The library of this process, nil where there is none.
    static let loaded: JavaScriptLibrary? = names.lazy.compactMap { dlopen($0, RTLD_NOW) }
        .first.flatMap { JavaScriptLibrary($0) }

    let makeGroup: @convention(c) () -> Reference?
    let releaseGroup: @convention(c) (Reference?) -> Void
    let makeContext: @convention(c) (Reference?, Reference?) -> Reference?
    let releaseContext: @convention(c) (Reference?) -> Void
    let globalObject: @convention(c) (Reference?) -> Reference?
    let makeString: @convention(c) (UnsafePointer<CChar>?) -> Reference?
    let makeWideString: @convention(c) (UnsafePointer<UInt16>?, Int) -> Reference?
    let releaseString: @convention(c) (Reference?) -> Void
    let stringLength: @convention(c) (Reference?) -> Int
    let stringUnits: @convention(c) (Reference?) -> UnsafePointer<UInt16>?
    let stringMaximum: @convention(c) (Reference?) -> Int
    let stringText: @convention(c) (Reference?, UnsafeMutablePointer<CChar>?, Int) -> Int
    let evaluate:
        @convention(c) (Reference?, Reference?, Reference?, Reference?, Int32, Exception?)
            -> Reference?
    let checkSyntax: @convention(c) (Reference?, Reference?, Reference?, Int32, Exception?) -> Bool
    let parseJSON: @convention(c) (Reference?, Reference?) -> Reference?
    let writeJSON: @convention(c) (Reference?, Reference?, UInt32, Exception?) -> Reference?
    let call:
        @convention(c) (
            Reference?, Reference?, Reference?, Int, UnsafePointer<Reference?>?, Exception?
        ) -> Reference?
    let makeFunction: @convention(c) (Reference?, Reference?, Callback?) -> Reference?
    let makeNumber: @convention(c) (Reference?, Double) -> Reference?
    let makeText: @convention(c) (Reference?, Reference?) -> Reference?
    let makeUndefined: @convention(c) (Reference?) -> Reference?
    let number: @convention(c) (Reference?, Reference?, Exception?) -> Double
    let text: @convention(c) (Reference?, Reference?, Exception?) -> Reference?
    let isUndefined: @convention(c) (Reference?, Reference?) -> Bool
    let protect: @convention(c) (Reference?, Reference?) -> Void
    let collect: @convention(c) (Reference?) -> Void
    let memory: @convention(c) (Reference?) -> Reference?
    let allowEvaluation: @convention(c) (Reference?, Bool, Reference?) -> Void
    let limitTime: @convention(c) (Reference?, Double, OpaquePointer?, OpaquePointer?) -> Void

    /// Finds every function; nil when one is missing.
    private init?(_ handle: UnsafeMutableRawPointer) {
        var isWhole = true
        func find<Function>(_ name: String, _: Function.Type = Function.self) -> Function {
            if let address = dlsym(handle, name) {
                // SAFETY: the types above are those of the library's public headers.
                return unsafeBitCast(address, to: Function.self)
            }
            isWhole = false
            // SAFETY: never called; the initialiser fails before anyone could.
            return unsafeBitCast(dlsym(handle, "JSGarbageCollect"), to: Function.self)
        }
        guard dlsym(handle, "JSGarbageCollect") != nil else { return nil }
        makeGroup = find("JSContextGroupCreate")
        releaseGroup = find("JSContextGroupRelease")
        makeContext = find("JSGlobalContextCreateInGroup")
        releaseContext = find("JSGlobalContextRelease")
        globalObject = find("JSContextGetGlobalObject")
        makeString = find("JSStringCreateWithUTF8CString")
        makeWideString = find("JSStringCreateWithCharacters")
        releaseString = find("JSStringRelease")
        stringLength = find("JSStringGetLength")
        stringUnits = find("JSStringGetCharactersPtr")
        stringMaximum = find("JSStringGetMaximumUTF8CStringSize")
        stringText = find("JSStringGetUTF8CString")
        evaluate = find("JSEvaluateScript")
        checkSyntax = find("JSCheckScriptSyntax")
        parseJSON = find("JSValueMakeFromJSONString")
        writeJSON = find("JSValueCreateJSONString")
        call = find("JSObjectCallAsFunction")
        makeFunction = find("JSObjectMakeFunctionWithCallback")
        makeNumber = find("JSValueMakeNumber")
        makeText = find("JSValueMakeString")
        makeUndefined = find("JSValueMakeUndefined")
        number = find("JSValueToNumber")
        text = find("JSValueToStringCopy")
        isUndefined = find("JSValueIsUndefined")
        protect = find("JSValueProtect")
        collect = find("JSSynchronousGarbageCollectForDebugging")
        memory = find("JSGetMemoryUsageStatistics")
        allowEvaluation = find("JSGlobalContextSetEvalEnabled")
        limitTime = find("JSContextGroupSetExecutionTimeLimit")
        guard isWhole else { return nil }
        Self.setOptions(handle)
    }

    /// Compilers and helping threads off.
    ///
    /// Interpreted code is as fast for what fits in a function's time, and needs neither compiler threads nor
    /// pages that are both written and run. A heap of some megabytes is collected sooner than other threads
    /// wake up for it.
    private static func setOptions(_ handle: UnsafeMutableRawPointer) {
        // SAFETY: the types are those of the library's GLib header; both functions take a name and a value.
        typealias SetFlag = @convention(c) (UnsafePointer<CChar>?, Int32) -> Int32
        typealias SetNumber = @convention(c) (UnsafePointer<CChar>?, UInt32) -> Int32
        if let address = dlsym(handle, "jsc_options_set_boolean") {
            let setFlag = unsafeBitCast(address, to: SetFlag.self)
            for name in ["useJIT", "useWasm", "useConcurrentGC"] { _ = setFlag(name, 0) }
        }
        if let address = dlsym(handle, "jsc_options_set_uint") {
            let setNumber = unsafeBitCast(address, to: SetNumber.self)
            _ = setNumber("numberOfGCMarkers", 1)
        }
    }
}

extension JavaScriptLibrary {
    /// A string of the library, released when the body ends.
    func withString<Value>(_ text: [UInt8], _ body: (Reference?) -> Value) -> Value {
        let string = (text + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { makeString($0.baseAddress) }
        }
        defer { releaseString(string) }
        return body(string)
    }

    /// The UTF-8 of a value that is a string; empty for what cannot be one.
    func bytes(of value: Reference?, in context: Reference?) -> [UInt8] {
        guard let value, let string = text(context, value, nil) else { return [] }
        defer { releaseString(string) }
        return bytes(of: string)
    }

    /// The UTF-8 of a string.
    func bytes(of string: Reference) -> [UInt8] {
        if let plain = plainBytes(of: string) { return plain }
        let room = stringMaximum(string)
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = buffer.withMemoryRebound(to: CChar.self) {
                max(0, stringText(string, $0.baseAddress, room) - 1)
            }
        }
    }

    /// The bytes of a string of ASCII, nil for any other.
    ///
    /// The library's own conversion goes character by character; a loop without branches takes a tenth of its instructions.
    private func plainBytes(of string: Reference) -> [UInt8]? {
        let length = stringLength(string)
        guard length > 0, let units = stringUnits(string) else { return nil }
        var seen: UInt16 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { output, count in
            // SAFETY: the library gives `length` units, and the output has room for as many bytes.
            for place in 0..<length {
                seen |= units[place]
                output[place] = UInt8(truncatingIfNeeded: units[place])
            }
            count = length
        }
        return seen < 0x80 ? bytes : nil
    }

    /// A string of ASCII, which the body gets and which is released then; false for other text and without a call.
    ///
    /// `room` is overwritten and kept by the caller for the next one.
    func withPlain(
        _ text: [UInt8],
        room: inout [UInt16],
        _ body: (Reference?) -> Void
    ) -> Bool {
        if room.count < text.count { room = [UInt16](repeating: 0, count: text.count * 2) }
        var seen: UInt8 = 0
        let string = text.withUnsafeBufferPointer { bytes in
            room.withUnsafeMutableBufferPointer { units in
                for place in bytes.indices {
                    seen |= bytes[place]
                    units[place] = UInt16(truncatingIfNeeded: bytes[place])
                }
                return seen < 0x80 ? makeWideString(units.baseAddress, bytes.count) : nil
            }
        }
        guard let string else { return false }
        defer { releaseString(string) }
        body(string)
        return true
    }

    /// The low bytes of a string's units: what the prelude passes as binary data.
    func octets(of value: Reference?, in context: Reference?) -> [UInt8] {
        guard let value, let string = text(context, value, nil) else { return [] }
        defer { releaseString(string) }
        let units = UnsafeBufferPointer(start: stringUnits(string), count: stringLength(string))
        return units.map { UInt8(truncatingIfNeeded: $0) }
    }

    /// A string value of one unit for each byte.
    func value(of octets: [UInt8], in context: Reference?) -> Reference? {
        let units = octets.map(UInt16.init)
        let string = makeWideString(units, units.count)
        defer { releaseString(string) }
        return makeText(context, string)
    }

    /// A string value of a text.
    func value(of text: String, in context: Reference?) -> Reference? {
        let units = Array(text.utf16)
        let string = makeWideString(units, units.count)
        defer { releaseString(string) }
        return makeText(context, string)
    }
}
