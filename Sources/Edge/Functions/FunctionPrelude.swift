/// What a function finds in its context: the runtime's objects and nothing beside them.
///
/// Sources: "JavaScript runtime 1.0 features for CloudFront Functions", "JavaScript runtime 2.0 features
/// for CloudFront Functions", "Helper methods for key value stores", "Helper methods for origin
/// modification". What those pages do not list is taken away before the function's code is read.
enum FunctionPrelude {
    /// The prelude: a function of runtime and natives that gives one which installs a handler.
    static let text = [
        "(function (runtime, digest, code, text, base64, octets, find, count, meta) {",
        "'use strict';", captures, FunctionModules.bytes, FunctionModules.buffer,
        FunctionModules.crypto, FunctionModules.queryString, FunctionModules.legacyStrings,
        helpers, globals, allowances, runner, "})",
    ].joined(separator: "\n")

    /// What the prelude keeps for itself before anything is taken away.
    private static let captures = """
        const isTwo = runtime === 2;
        const RealDate = Date, realNow = Date.now, RealPromise = Promise;
        const stringify = JSON.stringify, parse = JSON.parse, floor = Math.floor;
        const construct = Reflect.construct, ownKeys = Reflect.ownKeys, define = Object.defineProperty;
        const encode = encodeURIComponent, decode = decodeURIComponent;
        const fromCharCode = String.fromCharCode;
        const then = Function.prototype.call.bind(Promise.prototype.then);
        const limitOfLogs = 10240;
        let call = 0, logs = [], logged = 0, changes = [], now = 0, isRequest = false, place, raw, outcome;
        """

    /// The helper module of runtime 2.0.
    private static let helpers = """
        const plain = value => parse(stringify(value === undefined ? null : value));
        const change = (kind, values) => {
          if (!isRequest) throw new Error('origins are chosen at viewer-request only');
          changes.push({ kind, values: plain(values) });
        };
        const store = id => {
          // Handles are made while code is read, before there is a store to ask.
          const about = () => {
            if (count(call) === undefined) throw new Error('the function has no key value store');
            const said = parse(meta(call));
            if (id !== undefined && id !== said.id) throw new Error('KeyValueStore ' + id + ' is not associated');
            return said;
          };
          const value = (key, options) => {
            const found = find(call, String(key));
            if (id !== undefined || found === undefined) about();
            if (found === undefined) throw new Error('KeyNotFound: ' + key);
            const format = options && options.format || 'string';
            if (format === 'string') return found;
            if (format === 'json') return parse(found);
            if (format === 'bytes') return bytesOf(octets(found));
            throw new Error('the format is string, json or bytes');
          };
          return {
            async get(key, options) { return value(key, options); },
            async exists(key) { about(); return find(call, String(key)) !== undefined; },
            async count() { return about().count; },
            async meta() {
              const said = about();
              const time = seconds => new RealDate(seconds * 1000).toISOString();
              return { creationDateTime: time(said.created), lastUpdatedDateTime: time(said.modified),
                       keyCount: said.count };
            },
          };
        };
        const cloudfront = {
          kvs: store,
          updateRequestOrigin(origin) { change('update', origin); },
          selectRequestOriginById(id, overrides) { change('select', { id, overrides }); },
          createRequestOriginGroup(group) { change('group', group); },
          get edgeLocation() {
            if (!isRequest) throw new Error('edgeLocation is known at viewer-request only');
            return { name: place, serverIp: '127.0.0.1', region: 'us-east-1' };
          },
        };
        """

    /// Time, console and modules.
    private static let globals = """
        function FixedDate(...parts) {
          if (new.target === undefined) return new RealDate(now).toString();
          return construct(RealDate, parts.length ? parts : [now], new.target);
        }
        FixedDate.prototype = RealDate.prototype;
        FixedDate.prototype.constructor = FixedDate;
        FixedDate.now = () => now;
        FixedDate.parse = RealDate.parse;
        FixedDate.UTC = RealDate.UTC;
        globalThis.Date = FixedDate;
        globalThis.console = {
          log(value) {
            let line = typeof value === 'string' ? value : value instanceof Error ? String(value) : stringify(value);
            if (line === undefined) line = String(value);
            if (logged >= limitOfLogs) return;
            line = line.slice(0, limitOfLogs - logged);
            logged += line.length;
            logs.push(line);
          },
        };
        const modules = { crypto: cryptoModule, querystring: queryModule };
        if (isTwo) { modules.buffer = Buffer; modules.cloudfront = cloudfront; }
        globalThis.require = name => {
          if (!Object.prototype.hasOwnProperty.call(modules, name)) throw new Error('Cannot find module "' + name + '"');
          return modules[name];
        };
        class InternalError extends Error {}
        InternalError.prototype.name = 'InternalError';
        globalThis.InternalError = InternalError;
        if (!isTwo) {
          class MemoryError extends Error {}
          MemoryError.prototype.name = 'MemoryError';
          globalThis.MemoryError = MemoryError;
        }
        """

    /// Takes away what no page lists.
    private static let allowances = """
        const words = text => text.split(/\\s+/);
        const keep = (object, list, more) => {
          if (!object) return;
          const kept = words(list + ' constructor prototype name length ' + (isTwo && more || ''));
          for (const key of ownKeys(object)) {
            if (typeof key === 'string' && !kept.includes(key)) { try { delete object[key]; } catch (error) {} }
          }
        };
        const typed = 'Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array';
        keep(Object, 'create defineProperties defineProperty freeze getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf isExtensible isFrozen isSealed keys preventExtensions seal assign is setPrototypeOf entries values', 'getOwnPropertyDescriptors');
        keep(Object.prototype, 'hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf toLocaleString __proto__ __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__');
        keep(String, 'fromCharCode fromCodePoint bytesFrom');
        keep(String.prototype, 'charAt charCodeAt concat indexOf lastIndexOf match replace search slice split substr substring toLowerCase trim toUpperCase codePointAt endsWith includes repeat startsWith padStart padEnd trimStart trimEnd toString valueOf' + (isTwo ? '' : ' bytesFrom fromBytes fromUTF8 toBytes toUTF8'), 'replaceAll');
        keep(Array, 'isArray of');
        keep(Array.prototype, 'concat every filter forEach indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice some sort splice unshift toString copyWithin fill find findIndex includes');
        keep(Number, 'isFinite isInteger isNaN isSafeInteger parseFloat parseInt EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY');
        keep(RegExp.prototype, 'exec test toString global ignoreCase multiline source lastIndex compile flags sticky unicode');
        keep(RealPromise, 'reject resolve', 'all allSettled any race');
        keep(RealPromise.prototype, 'catch finally then');
        keep(Object.getPrototypeOf(Uint8Array), '', 'from of');
        keep(Object.getPrototypeOf(Uint8Array.prototype), 'copyWithin fill join set slice subarray toString buffer byteLength byteOffset length', 'every filter find findIndex forEach includes indexOf lastIndexOf map reduce reduceRight reverse some sort');
        keep(ArrayBuffer, 'isView');
        keep(ArrayBuffer.prototype, 'slice byteLength');
        keep(Symbol, 'iterator hasInstance isConcatSpreadable match matchAll replace search species split toPrimitive toStringTag unscopables asyncIterator', 'for keyFor');
        keep(JSON, 'parse stringify');
        const named = words('Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp Error EvalError RangeError ReferenceError SyntaxError TypeError URIError InternalError MemoryError globalThis JSON Math ArrayBuffer isFinite isNaN decodeURI decodeURIComponent encodeURI encodeURIComponent eval console require ' + typed + (isTwo ? ' DataView atob btoa Buffer TextEncoder TextDecoder' : ''));
        for (const key of ownKeys(globalThis)) {
          if (typeof key === 'string' && !named.includes(key)) delete globalThis[key];
        }
        """

    /// Runs the handler.
    ///
    /// What it says is a value's JSON, or starts with a letter: E for an error, P for a promise, X for either
    /// with lines for the log or a choice of origin. No JSON starts with a capital.
    private static let runner = """
        const describe = error => {
          if (!(error instanceof Error)) return String(error);
          const line = typeof error.line === 'number' && error.line > 0 ? ' (line ' + error.line + ')' : '';
          return error.name + ': ' + error.message + line;
        };
        const finish = (kind, said) => {
          if (said === undefined) said = 'null';
          if (logs.length === 0 && changes.length === 0) return kind + said;
          return 'X' + stringify({ kind, said, logs, changes });
        };
        const seal = value => {
          try { return finish('', stringify(value)); } catch (error) { return finish('E', describe(error)); }
        };
        const rawQuery = { value: () => raw, enumerable: false };
        return maker => {
          now = floor(realNow());
          const handler = maker();
          return (address, box) => {
            if (address === undefined) { call = 0; return outcome === undefined ? '' : outcome; }
            call = address; now = floor(realNow());
            if (logs.length !== 0) { logs = []; logged = 0; }
            if (changes.length !== 0) changes = [];
            outcome = undefined;
            const event = box.event, request = event.request;
            isRequest = !!event.context && event.context.eventType === 'viewer-request';
            place = box.edge;
            raw = box.raw;
            if (isTwo && request) define(request, 'rawQueryString', rawQuery);
            try {
              if (handler === undefined) throw new ReferenceError('"handler" is not a function of the code');
              const result = handler(event);
              if (result !== request && isTwo && result instanceof RealPromise) {
                then(result, value => { outcome = seal(value); }, error => { outcome = finish('E', describe(error)); });
                return 'P';
              }
              const said = stringify(result);
              return said !== undefined && logs.length === 0 && changes.length === 0 ? said : finish('', said);
            } catch (error) { return finish('E', describe(error)); }
          };
        };
        """
}
