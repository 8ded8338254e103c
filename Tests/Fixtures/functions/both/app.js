'use strict';
const fs = require('fs');

let calls = 0;

exports.echo = async (event) => event;
exports.fails = async () => { throw new TypeError('no'); };
exports.counts = async () => { calls += 1; return calls; };
exports.hangs = async (event) => { calls += 1; if (event.hang) for (;;); return calls; };
exports.exits = async (event) => process.exit(event.status);
exports.big = async (event) => 'x'.repeat(event.size - 2);
exports.identity = async (event, context) => [
  context.awsRequestId, context.invokedFunctionArn, context.functionName, context.functionVersion,
  context.memoryLimitInMB, context.getRemainingTimeInMillis() > 1000, process.env._HANDLER,
  process.env._X_AMZN_TRACE_ID || '',
];
exports.scratch = async (event) => {
  if (event.write) fs.writeFileSync(event.file, event.write);
  const text = fs.readFileSync(event.file, 'utf8');
  if (event.remove) fs.unlinkSync(event.file);
  return text;
};
