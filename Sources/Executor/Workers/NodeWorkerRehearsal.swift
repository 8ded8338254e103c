extension NodeWorker {
    /// What the script is when it is loaded as a function: the one that is played before the first real call.
    static let rehearsed = #"""
        if (require.main !== module) {
          exports.handler = async (event) => { console.log(event); return event; };
          return;
        }
        """#

    /// Loading and calling a function once while nobody waits.
    ///
    /// An interpreter compiles a function of JavaScript when it first runs. Played through before, the load and the
    /// first call of a real function take a fraction of the time. Nothing of it leaves the process or stays in it.
    static let rehearsal = #"""
        async function rehearse() {
          const folder = process.cwd(), variables = { ...process.env };
          const number = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(value); return bytes; };
          const event = Buffer.concat([...Array(8)].map(() => number(0)).concat(Buffer.from('{"":""}')));
          delete require.cache[__filename];
          rehearsing = true;
          try {
            await init(Buffer.from(JSON.stringify({ taskRoot: __dirname, environment: variables,
              handler: path.basename(__filename, '.js') + '.handler' })));
            receive(Buffer.concat([number(event.length), Buffer.of(INVOKE), event]).copy(inbox));
            await import('data:text/javascript,export const handler = 0');
            await new Promise(setImmediate);
          } catch (_) { /* the real one meets it as well, and says it */ }
          rehearsing = false;
          sock.ref();
          process.chdir(folder);
          delete require.cache[__filename];
          module.children.length = 0;
          settings = handler = current = null;
          currentID = undefined;
          loadedFile = '';
        }
        """#
}
