'use strict';
const fs = require('fs');
const childProcess = require('child_process');

exports.exits = () => process.exit(3);
exports.exitsQuietly = () => process.exit(0);
exports.killed = () => process.kill(process.pid, 'SIGKILL');
exports.aborts = () => process.abort();
exports.throwsLater = () => { setTimeout(() => { throw new Error('late'); }, 1); };
exports.rejects = async () => { Promise.reject(new Error('unseen')); await new Promise((resolve) => setTimeout(resolve, 50)); };
exports.logsAndExits = () => { for (let i = 0; i < 3000; i += 1) console.log('line', i); process.exit(1); };
let calls = 0;
exports.hangs = async (event) => { calls += 1; if (event.hang) for (;;); return calls; };
exports.talks = () => { for (;;) console.log('again'.repeat(100)); };
exports.writes = () => { for (;;) fs.writeSync(1, 'again'.repeat(1000) + '\n'); };
exports.allocates = () => { const held = []; for (;;) held.push(Buffer.alloc(4 << 20, 1)); };
exports.fillsHeap = () => { const held = []; for (;;) held.push(new Array(1e5).fill({ a: 1 }).map((x) => ({ ...x }))); };
exports.childAllocates = async () => new Promise((resolve) => {
  const code = 'const h = []; setInterval(() => h.push(Buffer.alloc(16 << 20, 1)), 5)';
  childProcess.spawn(process.execPath, ['-e', code], { stdio: 'ignore' }).on('exit', resolve);
});
exports.big = async (event) => 'x'.repeat(event.size - 2);
exports.bigError = async () => { throw new Error('x'.repeat(7 << 20)); };
exports.garbage = () => { fs.writeSync(3, Buffer.alloc(64, 0xee)); return new Promise(() => setTimeout(() => {}, 5000)); };
exports.closes = () => { fs.closeSync(3); setTimeout(() => {}, 5000); };
exports.leavesChild = async () => {
  const child = childProcess.spawn('sleep', ['300'], { stdio: 'ignore' });
  return child.pid;
};
