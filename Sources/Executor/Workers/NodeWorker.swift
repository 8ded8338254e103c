/// The program that runs a Node.js function.
enum NodeWorker {
    /// The script as written to the worker folder.
    static let source = #"""
        'use strict';
        const net = require('net'), fs = require('fs'), path = require('path'), util = require('util');
        const v8 = require('v8'), childProcess = require('child_process'), { pathToFileURL } = require('url');
        const INIT = 1, INVOKE = 2, READY = 10, LOADED = 11, LOAD_FAILED = 12, RESPONSE = 13;
        const FAILED = 14, LOG = 15, FATAL = 16;
        const realExit = process.reallyExit.bind(process), now = Date.now;
        const sock = new net.Socket({ fd: 3, readable: true, writable: true });
        let settings = null, handler = null, modern = false, current = null, currentID = undefined;

        function frame(type, body) {
          const size = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
          const out = Buffer.allocUnsafe(5 + size);
          out.writeUInt32LE(size, 0);
          out[4] = type;
          if (typeof body === 'string') out.write(body, 5); else body.copy(out, 5);
          return out;
        }
        function send(type, body, then) { sock.write(frame(type, body), then); }
        function lastWords(type, body, status) {
          sock.ref();
          send(type, body, () => realExit(status));
        }
        function log(text) {
          const id = Buffer.from(currentID === undefined ? '' : currentID);
          send(LOG, Buffer.concat([Buffer.from([id.length]), id, Buffer.from(text)]));
        }
        function line(level, text) {
          log(new Date().toISOString() + '\t' + currentID + '\t' + level + '\t' + text.replace(/\n/g, '\r'));
        }
        for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['warn', 'WARN'],
          ['error', 'ERROR'], ['debug', 'DEBUG'], ['trace', 'TRACE']]) {
          console[name] = (...args) => line(level, util.format(...args));
        }

        function describe(error) {
          try {
            if (util.types.isNativeError(error) || error instanceof Error) {
              const type = String(error.name);
              return {
                errorType: type.replace(/\x7F/g, '%7F'),
                errorMessage: String(error.message).replace(/\x7F/g, '%7F'),
                trace: String(error.stack).replace(/\x7F/g, '%7F').split('\n'),
              };
            }
            return { errorType: typeof error, errorMessage: String(error), trace: [] };
          } catch (_) {
            return {
              errorType: 'handled',
              errorMessage: 'callback called with Error argument, but there was a problem while '
                + 'retrieving one or more of its message, name, and stack',
            };
          }
        }
        function logged(error, described) {
          const own = error !== null && typeof error === 'object' ? { ...error } : {};
          const { trace, ...rest } = described;
          try { return JSON.stringify({ ...rest, ...own, stack: trace || [] }); }
          catch (_) { return JSON.stringify({ ...rest, stack: trace || [] }); }
        }
        function named(type, message, cause) {
          const error = new Error(message);
          error.name = type;
          error.cause = cause;
          if (cause && cause.stack) error.stack = type + ': ' + message + '\n' + cause.stack;
          return error;
        }

        function place(error) {
          const root = settings ? settings.taskRoot : '/';
          const origin = error.cause || error;
          const text = String(origin.stack || '');
          let match = /^(?:file:\/\/)?(\/[^\n]*?):(\d+)\n([^\n]*)\n( *)\^/.exec(text);
          if (match) return { file: match[1], line: +match[2], column: match[4].length + 1 };
          for (const row of text.split('\n')) {
            match = /(?:\(|at |async )(?:file:\/\/)?(\/[^()\n]*):(\d+):(\d+)\)?$/.exec(row);
            if (match && match[1].startsWith(root)) {
              return { file: match[1], line: +match[2], column: +match[3] };
            }
          }
          if (origin instanceof SyntaxError && loadedFile) {
            const check = childProcess.spawnSync(process.execPath, ['--check', loadedFile],
              { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'ignore', 'pipe'] });
            match = /^(?:file:\/\/)?(\/[^\n]*?):(\d+)\n([^\n]*)\n( *)\^/m.exec(check.stderr || '');
            if (match) return { file: match[1], line: +match[2], column: match[4].length + 1 };
          }
          return { file: loadedFile || '', line: 0, column: 0 };
        }
        function loadFailure(error) {
          const described = describe(error), where = place(error);
          let file = where.file;
          if (settings && file.startsWith(settings.taskRoot + '/')) {
            file = file.slice(settings.taskRoot.length + 1);
          }
          const head = Buffer.allocUnsafe(8);
          head.writeUInt32LE(where.line, 0);
          head.writeUInt32LE(where.column, 4);
          const parts = [head];
          for (const text of [described.errorType, described.errorMessage, file]) {
            const bytes = Buffer.from(text), size = Buffer.allocUnsafe(4);
            size.writeUInt32LE(bytes.length, 0);
            parts.push(size, bytes);
          }
          parts.push(Buffer.from(JSON.stringify(described)));
          return Buffer.concat(parts);
        }

        let loadedFile = '';
        function isModulePackage(folder) {
          for (let at = folder; ; at = path.dirname(at)) {
            try { return JSON.parse(fs.readFileSync(path.join(at, 'package.json'), 'utf8')).type === 'module'; }
            catch (_) { if (at === path.dirname(at) || at === settings.taskRoot) return false; }
          }
        }
        async function loadModule(base) {
          for (const suffix of ['', '.js', '.mjs', '.cjs']) {
            const file = base + suffix;
            if (!fs.existsSync(file) || !fs.statSync(file).isFile()) continue;
            loadedFile = file;
            const esm = suffix === '.mjs' || (suffix === '.js' && isModulePackage(path.dirname(file)));
            return esm ? await import(pathToFileURL(file).href) : require(file);
          }
          return require(require.resolve(path.relative(settings.taskRoot, base),
            { paths: [settings.taskRoot] }));
        }
        async function load() {
          const text = settings.handler;
          if (text.includes('..')) {
            throw named('Runtime.MalformedHandlerName', `'${text}' is not a valid handler name. Use absolute `
              + 'paths when specifying root directories in handler names.');
          }
          const slash = text.lastIndexOf('/') + 1;
          const match = /^([^.]*)\.(.*)$/.exec(text.slice(slash));
          if (!match) throw named('Runtime.MalformedHandlerName', 'Bad handler');
          let loaded;
          try { loaded = await loadModule(path.resolve(settings.taskRoot, text.slice(0, slash), match[1])); }
          catch (error) {
            if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', String(error), error);
            if (error && ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error.code)) {
              throw named('Runtime.ImportModuleError', String(error), error);
            }
            throw error;
          }
          let found = loaded;
          for (const key of match[2].split('.')) found = found == null ? undefined : found[key];
          if (found === undefined && loaded.default) {
            found = loaded.default;
            for (const key of match[2].split('.')) found = found == null ? undefined : found[key];
          }
          if (found === undefined || found === null) {
            throw named('Runtime.HandlerNotFound', `${text} is undefined or not exported`);
          }
          if (typeof found !== 'function') {
            throw named('Runtime.HandlerNotFound', `${text} is not a function`);
          }
          if (modern && found.length >= 3) {
            throw named('Runtime.CallbackHandlerDeprecated', 'ERROR: AWS Lambda has removed support for '
              + 'callback-based function handlers starting with Node.js 24.');
          }
          return found;
        }
        async function init(body) {
          settings = JSON.parse(body.toString());
          modern = settings.modern;
          if (settings.heap) v8.setFlagsFromString('--max-old-space-size=' + settings.heap);
          for (const key of Object.keys(process.env)) delete process.env[key];
          Object.assign(process.env, settings.environment);
          require('module')._initPaths();
          process.chdir(settings.taskRoot);
          handler = await load();
          send(LOADED, '');
        }

        function finish(call, type, body) {
          if (call.done) return;
          call.done = true;
          current = null;
          sock.ref();
          send(type, body);
          currentID = undefined;
        }
        function fail(call, error) {
          if (call.done) return;
          const described = describe(error);
          line('ERROR', 'Invoke Error \t' + logged(error, described));
          finish(call, FAILED, JSON.stringify(described));
        }
        function succeed(call, value) {
          if (call.done) return;
          let text;
          try { text = JSON.stringify(value === undefined ? null : value); }
          catch (_) { return fail(call, new Error('Unable to stringify response body')); }
          finish(call, RESPONSE, text === undefined ? 'null' : text);
        }
        function settle(call, error, value) {
          if (call.settled) return;
          call.settled = () => error !== null && error !== undefined ? fail(call, error) : succeed(call, value);
          if (!call.context.callbackWaitsForEmptyEventLoop) setImmediate(call.settled);
        }
        process.on('beforeExit', () => {
          const call = current;
          if (!call || call.done) return;
          if (call.settled) return call.settled();
          if (!call.promised) return succeed(call, null);
          const message = 'The Lambda runtime client detected an unexpected Node.js exit code. This is most '
            + 'commonly caused by a Promise that was never settled. For more information, see '
            + 'https://nodejs.org/docs/latest/api/process.html#exit-codes';
          fail(call, named('Runtime.NodeJsExit', message));
        });
        function makeContext(call, id, deadline, arn, clientContext) {
          const context = { callbackWaitsForEmptyEventLoop: true };
          if (modern) delete context.callbackWaitsForEmptyEventLoop;
          else {
            context.succeed = (value) => settle(call, null, value);
            context.fail = (error) => settle(call, error === undefined || error === null ? 'handled' : error);
            context.done = (error, value) => settle(call, error, value);
          }
          context.functionVersion = settings.version;
          context.functionName = settings.name;
          context.memoryLimitInMB = String(settings.memory);
          context.logGroupName = settings.logGroup;
          context.logStreamName = settings.logStream;
          context.clientContext = clientContext;
          context.identity = undefined;
          context.invokedFunctionArn = arn;
          context.awsRequestId = id;
          context.getRemainingTimeInMillis = () => deadline - now();
          return context;
        }
        function invoke(body) {
          const deadline = Number(body.readBigUInt64LE(0));
          let at = 9 + body[8];
          const id = body.toString('utf8', 9, at);
          const arnEnd = at + 2 + body.readUInt16LE(at);
          const arn = body.toString('utf8', at + 2, arnEnd);
          const clientEnd = arnEnd + 4 + body.readUInt32LE(arnEnd);
          const call = { done: false, settled: null, promised: false, context: null };
          current = call;
          currentID = id;
          try {
            const client = clientEnd > arnEnd + 4
              ? JSON.parse(body.toString('utf8', arnEnd + 4, clientEnd)) : undefined;
            const event = JSON.parse(body.toString('utf8', clientEnd));
            call.context = makeContext(call, id, deadline, arn, client);
            sock.unref();
            const result = handler(event, call.context, (error, value) => settle(call, error, value));
            if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
              call.promised = true;
              result.then((value) => succeed(call, value), (error) => fail(call, error));
            } else if (modern) {
              succeed(call, result);
            }
          } catch (error) { fail(call, error); }
        }

        function broken(label, error, described, status) {
          line('ERROR', label + ' \t' + logged(error, described));
          if (!handler) return lastWords(LOAD_FAILED, loadFailure(error), status);
          lastWords(FATAL, JSON.stringify(described), status);
        }
        process.on('uncaughtException', (error) => {
          broken('Uncaught Exception', error, describe(error), 129);
        });
        process.on('unhandledRejection', (reason) => {
          const error = named('Runtime.UnhandledPromiseRejection', String(reason),
            reason instanceof Error ? reason : undefined);
          broken('Unhandled Promise Rejection', error, describe(error), 128);
        });

        let held = [], heldSize = 0, needed = 5;
        function receive(chunk) {
          held.push(chunk);
          heldSize += chunk.length;
          while (heldSize >= needed) {
            let data = held.length === 1 ? held[0] : Buffer.concat(held, heldSize);
            const size = data.readUInt32LE(0);
            if (data.length < 5 + size) {
              held = [data];
              needed = 5 + size;
              return;
            }
            const type = data[4], body = data.subarray(5, 5 + size);
            data = data.subarray(5 + size);
            held = data.length ? [data] : [];
            heldSize = data.length;
            needed = 5;
            if (type === INVOKE) invoke(body);
            else if (type === INIT) init(body).catch((error) => send(LOAD_FAILED, loadFailure(error)));
          }
        }
        sock.on('data', receive);
        sock.on('end', () => realExit(0));
        sock.on('error', () => realExit(0));
        send(READY, '');
        """#
}
