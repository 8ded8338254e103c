/// The program that runs a Node.js function.
enum NodeWorker {
    /// The script as written to the worker folder.
    static let source = [rehearsed, channel, logging, loading, streaming, rehearsal, invocation]
        .joined(separator: "\n")

    private static let channel = #"""
        'use strict';
        const net = require('net'), fs = require('fs'), path = require('path'), util = require('util');
        const v8 = require('v8'), childProcess = require('child_process'), stream = require('stream');
        const { pathToFileURL, fileURLToPath } = require('url');
        const INIT = 1, INVOKE = 2, READY = 10, LOADED = 11, LOAD_FAILED = 12, RESPONSE = 13;
        const FAILED = 14, LOG = 15, FATAL = 16, STREAM_START = 17, STREAM_DATA = 18, STREAM_END = 19;
        const realExit = process.reallyExit.bind(process), now = Date.now, writeSync = fs.writeSync;
        const inbox = Buffer.allocUnsafeSlow(64 << 10), outbox = Buffer.allocUnsafeSlow(64 << 10);
        const sock = new net.Socket({ fd: 3, readable: true, writable: false,
          onread: { buffer: inbox, callback: (size) => { receive(size); return true; } } });
        const pause = new Int32Array(new SharedArrayBuffer(4));
        let settings = null, handler = null, modern = false, current = null, currentID = undefined;
        let traced = false, rehearsing = false;

        // Written at once, so that nothing is lost when the function ends the process.
        function write(bytes, size) {
          if (rehearsing) return;
          for (let at = 0; at < size;) {
            try { at += writeSync(3, bytes, at, size - at); } catch (error) {
              if (error.code === 'EAGAIN') Atomics.wait(pause, 0, 0, 1); else realExit(0);
            }
          }
        }
        function sendOutbox(type, size) {
          outbox.writeUInt32LE(size, 0);
          outbox[4] = type;
          write(outbox, 5 + size);
        }
        function send(type, body) {
          // A letter takes three bytes at most: what fits for certain is written straight into the outbox.
          if (typeof body === 'string') {
            if (body.length * 3 + 5 <= outbox.length) return sendOutbox(type, outbox.write(body, 5));
            body = Buffer.from(body);
          }
          const out = body.length + 5 <= outbox.length ? outbox : Buffer.allocUnsafe(5 + body.length);
          out.writeUInt32LE(body.length, 0);
          out[4] = type;
          body.copy(out, 5);
          write(out, 5 + body.length);
        }
        // An answer names the call that it is for, so that a second one to the same call means nothing.
        function answer(type, serial, body) {
          if (typeof body === 'string' && body.length * 3 + 9 <= outbox.length) {
            outbox.writeUInt32LE(serial, 5);
            return sendOutbox(type, 4 + outbox.write(body, 9));
          }
          const head = Buffer.allocUnsafe(4);
          head.writeUInt32LE(serial, 0);
          send(type, Buffer.concat([head, typeof body === 'string' ? Buffer.from(body) : body]));
        }
        function lastWords(type, body, status) {
          send(type, body);
          realExit(status);
        }
        """#

    private static let invocation = #"""
        function finish(call, type, body) {
          if (call.done) return;
          call.done = true;
          current = null;
          sock.ref();
          answer(type, call.serial, body);
        }
        function fail(call, error) {
          if (call.done) return;
          const described = describe(error);
          report('Invoke Error ', error, described);
          if (call.stream && call.stream.started) finish(call, STREAM_END, JSON.stringify(described));
          else finish(call, FAILED, JSON.stringify(described));
        }
        function succeed(call, value) {
          if (call.done) return;
          let text;
          try { text = JSON.stringify(value === undefined ? null : value); } catch (_) {
            const message = 'Unable to stringify response body';
            return fail(call, modern ? named('Runtime.JSONStringifyError', message) : new Error(message));
          }
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
          if (!call.promised && !call.stream) return succeed(call, null);
          const message = 'The Lambda runtime client detected an unexpected Node.js exit code. This is most '
            + 'commonly caused by a Promise that was never settled. For more information, see '
            + 'https://nodejs.org/docs/latest/api/process.html#exit-codes';
          fail(call, named('Runtime.NodeJsExit', message));
        });
        function makeContext(call, id, deadline, arn, client, identity, trace) {
          const context = {};
          if (!modern) {
            context.callbackWaitsForEmptyEventLoop = true;
            context.succeed = (value) => settle(call, null, value);
            context.fail = (error) => settle(call, error === undefined || error === null ? 'handled' : error);
            context.done = (error, value) => settle(call, error, value);
          }
          context.functionVersion = settings.version;
          context.functionName = settings.name;
          context.memoryLimitInMB = String(settings.memory);
          context.logGroupName = settings.logGroup;
          context.logStreamName = settings.logStream;
          context.clientContext = client ? JSON.parse(client) : undefined;
          context.identity = identity ? JSON.parse(identity) : undefined;
          context.invokedFunctionArn = arn;
          context.awsRequestId = id;
          context.tenantId = undefined;
          if (modern) context.xRayTraceId = trace || undefined;
          context.getRemainingTimeInMillis = () => deadline - now();
          return context;
        }
        function invoke(data, from, to) {
          const serial = data.readUInt32LE(from);
          const deadline = data.readUInt32LE(from + 4) + data.readUInt32LE(from + 8) * 4294967296;
          let at = from + 12;
          const next = () => {
            const start = at + 4, size = data.readUInt32LE(at);
            at = start + size;
            return size === 0 ? '' : data.toString('utf8', start, at);
          };
          const id = next(), arn = next(), client = next(), identity = next(), trace = next();
          const call = { serial, done: false, settled: null, promised: false, context: null, stream: null };
          current = call;
          currentID = id;
          if (trace) process.env._X_AMZN_TRACE_ID = trace;
          else if (traced) delete process.env._X_AMZN_TRACE_ID;
          traced = trace !== '';
          try {
            const event = JSON.parse(data.toString('utf8', at, to));
            call.context = makeContext(call, id, deadline, arn, client, identity, trace);
            sock.unref();
            if (handler[streamed]) return invokeStreamed(call, event);
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
          report(label, error, described);
          if (!handler) return lastWords(LOAD_FAILED, loadFailure(error), status);
          lastWords(FATAL, JSON.stringify(described), status);
        }
        process.on('uncaughtException', (error) => {
          broken('Uncaught Exception ', error, describe(error), 129);
        });
        process.on('unhandledRejection', (reason) => {
          const error = named('Runtime.UnhandledPromiseRejection', String(reason),
            reason instanceof Error ? reason : undefined);
          broken('Unhandled Promise Rejection ', error, describe(error), 128);
        });

        let held = [], heldSize = 0, needed = 5;
        // Runs the whole frames of a buffer and gives where the rest begins.
        function consume(data, end) {
          let at = 0;
          needed = 5;
          while (end - at >= 5) {
            const size = data.readUInt32LE(at), from = at + 5;
            if (end - from < size) {
              needed = 5 + size;
              break;
            }
            const type = data[at + 4];
            at = from + size;
            if (type === INVOKE) invoke(data, from, at);
            else if (type === INIT) {
              init(data.subarray(from, at)).catch((error) => {
                report('Uncaught Exception ', error, describe(error));
                send(LOAD_FAILED, loadFailure(error));
              });
            }
          }
          return at;
        }
        // The inbox is used again for the next bytes.
        function receive(size) {
          let data = inbox;
          if (heldSize > 0) {
            held.push(Buffer.from(inbox.subarray(0, size)));
            heldSize += size;
            if (heldSize < needed) return;
            data = Buffer.concat(held, heldSize);
            size = heldSize;
            held = [];
            heldSize = 0;
          }
          const rest = consume(data, size);
          if (rest === size) return;
          held = [data === inbox ? Buffer.from(inbox.subarray(rest, size)) : data.subarray(rest, size)];
          heldSize = size - rest;
        }
        sock.resume();
        sock.on('end', () => realExit(0));
        sock.on('error', () => realExit(0));
        rehearse().then(() => send(READY, process.versions.node));
        """#
}
