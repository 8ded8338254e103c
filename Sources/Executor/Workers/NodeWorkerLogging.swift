extension NodeWorker {
    /// Console output and error reports, in Lambda's text and JSON forms.
    static let logging = #"""
        const levels = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
        let jsonLogs = false, leastLevel = 0;

        function log(text) {
          const id = current ? currentID : '';
          if ((id.length + text.length) * 3 + 6 > outbox.length) {
            const name = Buffer.from(id);
            return send(LOG, Buffer.concat([Buffer.from([name.length]), name, Buffer.from(text)]));
          }
          const size = outbox.write(id, 6);
          outbox[5] = size;
          sendOutbox(LOG, 1 + size + outbox.write(text, 6 + size));
        }
        function line(level, text) {
          log(new Date().toISOString() + '\t' + currentID + '\t' + level + '\t' + text.replace(/\n/g, '\r'));
        }
        function errorFields(error) {
          return {
            errorType: (error && error.constructor && error.constructor.name) || 'UnknownError',
            errorMessage: error.message,
            stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
          };
        }
        function jsonLine(level, args) {
          const record = { timestamp: new Date().toISOString(), level, requestId: currentID };
          if (args.length === 1) {
            record.message = args[0];
            try {
              return log(JSON.stringify(record, (_, value) => value instanceof Error ? errorFields(value) : value));
            } catch (_) { record.message = util.format(args[0]); }
          } else {
            record.message = util.format(...args);
            const error = args.find((value) => value instanceof Error);
            if (error) Object.assign(record, errorFields(error));
          }
          log(JSON.stringify(record));
        }
        for (const [name, level] of [['log', 'INFO'], ['info', 'INFO'], ['warn', 'WARN'],
          ['error', 'ERROR'], ['debug', 'DEBUG'], ['trace', 'TRACE'], ['fatal', 'FATAL']]) {
          console[name] = (...args) => {
            if (levels[level] < leastLevel) return;
            if (jsonLogs) jsonLine(level, args); else line(level, util.format(...args));
          };
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
          const { trace, ...rest } = described;
          try {
            const own = error !== null && typeof error === 'object' ? { ...error } : {};
            delete own.cause;
            return JSON.stringify({ ...rest, ...own, stack: trace || [] });
          } catch (_) { return JSON.stringify({ ...rest, stack: trace || [] }); }
        }
        function report(label, error, described) {
          if (!jsonLogs) return line('ERROR', label + '\t' + logged(error, described));
          log(JSON.stringify({
            timestamp: new Date().toISOString(), level: 'ERROR', requestId: currentID,
            message: { errorType: described.errorType, errorMessage: described.errorMessage,
              stackTrace: described.trace || [] },
          }));
        }
        function named(type, message, cause) {
          const error = new Error(message);
          error.name = type;
          if (cause) Object.defineProperty(error, 'cause', { value: cause, enumerable: false });
          if (cause && cause.stack) error.stack = type + ': ' + message + '\n' + cause.stack;
          return error;
        }
        """#

    /// Response streaming: `awslambda.streamifyResponse` and `awslambda.HttpResponseStream`.
    static let streaming = #"""
        const streamed = Symbol.for('aws.lambda.runtime.handler.streaming');
        const integration = 'application/vnd.awslambda.http-integration-response';

        class ResponseStream extends stream.Writable {
          constructor(call) {
            super({ highWaterMark: 64 << 10, decodeStrings: false, objectMode: true });
            this.call = call;
            this.started = false;
            this.contentType = 'application/octet-stream';
          }
          setContentType(type) { this.contentType = type; }
          start() {
            if (this.started || this.call.done) return;
            this.started = true;
            answer(STREAM_START, this.call.serial, this.contentType);
          }
          _write(chunk, encoding, done) {
            if (this.call.done) return done();
            this.start();
            if (this._prelude) {
              answer(STREAM_DATA, this.call.serial, Buffer.concat([Buffer.from(this._prelude), Buffer.alloc(8)]));
              this._prelude = null;
            }
            let bytes = chunk;
            if (typeof chunk === 'string') bytes = Buffer.from(chunk, 'utf8');
            else if (!(chunk instanceof Uint8Array)) bytes = Buffer.from(JSON.stringify(chunk));
            else if (!Buffer.isBuffer(chunk)) bytes = Buffer.from(chunk);
            answer(STREAM_DATA, this.call.serial, bytes);
            setImmediate(done);
          }
          _final(done) {
            if (!this.call.done) {
              this.start();
              if (this._prelude) {
                answer(STREAM_DATA, this.call.serial, Buffer.concat([Buffer.from(this._prelude), Buffer.alloc(8)]));
              }
              finish(this.call, STREAM_END, '');
            }
            done();
          }
        }
        global.awslambda = {
          streamifyResponse(handler, options) {
            handler[streamed] = options || {};
            return handler;
          },
          HttpResponseStream: {
            from(target, metadata) {
              target.setContentType(integration);
              target._prelude = JSON.stringify(metadata);
              return target;
            },
          },
        };
        function invokeStreamed(call, event) {
          call.stream = new ResponseStream(call);
          call.stream.on('error', (error) => fail(call, error));
          const result = handler(event, call.stream, call.context);
          if (result === null || typeof result !== 'object' || typeof result.then !== 'function') {
            return fail(call, named('Runtime.InvalidStreamingHandler', 'Streaming does not support non-async handlers.'));
          }
          result.then(() => {}, (error) => fail(call, error));
        }
        """#
}
