extension NodeWorker {
    /// Finding and loading the handler, and saying where in the user's files that failed.
    static let loading = #"""
        let loadedFile = '';
        const headed = /^(?:file:\/\/)?(\/[^\n]*?):(\d+)\n([^\n]*)\n( *)\^/m;

        function placeOfImport(error) {
          const match = /^Cannot find (?:package|module) '([^']+)' imported from (.+)$/m.exec(String(error.message));
          if (!match) return null;
          let file = match[2].trim();
          if (file.startsWith('file:')) file = fileURLToPath(file);
          let rows;
          try { rows = fs.readFileSync(file, 'utf8').split('\n'); } catch (_) { return null; }
          const wanted = path.basename(match[1]);
          for (let index = 0; index < rows.length; index += 1) {
            const column = /\b(?:import|from|export)\b/.test(rows[index]) ? rows[index].indexOf(wanted) : -1;
            if (column >= 0) return { file, line: index + 1, column: column + 1 };
          }
          return { file, line: 1, column: 1 };
        }
        function place(error) {
          const root = settings ? settings.taskRoot : '/';
          const origin = error && error.cause || error;
          const text = String(origin && origin.stack || '');
          let match = origin instanceof SyntaxError && headed.exec(text);
          if (match) return { file: match[1], line: +match[2], column: match[4].length + 1 };
          const imported = origin && origin.code === 'ERR_MODULE_NOT_FOUND' && placeOfImport(origin);
          if (imported) return imported;
          for (const row of text.split('\n')) {
            match = /(?:\(|at |async )(?:file:\/\/)?(\/[^()\n]*):(\d+):(\d+)\)?$/.exec(row);
            if (match && match[1].startsWith(root)) {
              return { file: match[1], line: +match[2], column: +match[3] };
            }
          }
          if (origin instanceof SyntaxError && loadedFile) {
            const check = childProcess.spawnSync(process.execPath, ['--check', loadedFile],
              { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'ignore', 'pipe'] });
            match = headed.exec(check.stderr || '');
            if (match) return { file: match[1], line: +match[2], column: match[4].length + 1 };
          }
          return { file: loadedFile, line: loadedFile ? 1 : 0, column: loadedFile ? 1 : 0 };
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
        function member(value, keys) {
          for (const key of keys) value = value === undefined || value === null ? undefined : value[key];
          return value;
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
          const keys = match[2].split('.');
          let found = member(loaded, keys);
          if (found === undefined && loaded && loaded.default) found = member(loaded.default, keys);
          if (found === undefined || found === null) {
            throw named('Runtime.HandlerNotFound', `${text} is undefined or not exported`);
          }
          if (typeof found !== 'function') {
            throw named('Runtime.HandlerNotFound', `${text} is not a function`);
          }
          if (modern && !found[streamed] && found.length >= 3) {
            throw named('Runtime.CallbackHandlerDeprecated', 'ERROR: AWS Lambda has removed support for '
              + 'callback-based function handlers starting with Node.js 24.');
          }
          return found;
        }
        // The environment of before may still hold the port.
        function openInspector(port) {
          const inspector = require('inspector');
          for (let attempt = 0; attempt < 100 && !inspector.url(); attempt += 1) {
            try { inspector.open(port, '127.0.0.1'); } catch (_) { /* said by what comes */ }
            if (!inspector.url()) Atomics.wait(pause, 0, 0, 20);
          }
          log(inspector.url() ? 'A debugger may attach at 127.0.0.1:' + port
            : 'No debugger can attach: the port ' + port + ' is taken');
        }
        async function init(body) {
          settings = JSON.parse(body.toString());
          modern = settings.modern;
          if (settings.heap) v8.setFlagsFromString('--max-old-space-size=' + settings.heap);
          for (const key of Object.keys(process.env)) delete process.env[key];
          Object.assign(process.env, settings.environment);
          jsonLogs = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
          leastLevel = levels[process.env.AWS_LAMBDA_LOG_LEVEL] || 0;
          require('module')._initPaths();
          process.chdir(settings.taskRoot);
          if (settings.debugPort) openInspector(settings.debugPort);
          handler = await load();
          send(LOADED, '');
        }
        """#
}
