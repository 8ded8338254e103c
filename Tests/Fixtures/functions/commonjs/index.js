'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const greeting = require('greeting');
const { double } = require('./lib/double');

let invocations = 0;

exports.async = async (event) => ({ got: event.a, doubled: double(event.a), greeting: greeting('you') });
exports.callback = (event, context, callback) => setTimeout(() => callback(null, event.a), 1);
exports.callbackError = (event, context, callback) => callback(new RangeError('refused'));
exports.callbackText = (event, context, callback) => callback('plain text');
exports.callbackTwice = (event, context, callback) => { callback(null, 'first'); callback(null, 'second'); };
exports.succeed = (event, context) => context.succeed('done');
exports.fail = (event, context) => context.fail(new Error('failed'));
exports.done = (event, context) => context.done(null, [1]);
exports.promise = () => Promise.resolve(7);
exports.returned = () => 5;
exports.nothing = async () => {};
exports.thrown = async () => { throw new TypeError('no'); };
exports.thrownText = () => { throw 'oops'; };
exports.neverSettles = async () => new Promise(() => {});
exports.cycle = async () => { const a = {}; a.a = a; return a; };

// The answer waits for the timer unless the function says otherwise.
exports.waits = (event, context, callback) => {
  const state = { value: 'early' };
  context.callbackWaitsForEmptyEventLoop = event.wait;
  setTimeout(() => { state.value = 'late'; }, 40);
  callback(null, state);
};

exports.environment = async () => process.env;
exports.context = async (event, context) => ({
  ...context, remaining: context.getRemainingTimeInMillis(), keys: Object.keys(context),
});
exports.trace = async () => process.env._X_AMZN_TRACE_ID || null;
exports.scratch = async (event) => {
  const file = path.join('/tmp', `portico-test-${process.pid}`);
  fs.writeFileSync(file, event.text);
  const text = fs.readFileSync(file, 'utf8');
  fs.unlinkSync(file);
  return { text, folder: process.cwd() === process.env.LAMBDA_TASK_ROOT, temporary: os.tmpdir() };
};
exports.count = async () => { invocations += 1; return invocations; };

exports.logs = async () => {
  console.log('plain', { a: 1 });
  console.info('two\nlines');
  console.warn('careful');
  console.error(new Error('seen').message);
  console.debug('detail');
  process.stdout.write('raw out\n');
  process.stderr.write('raw error\n');
  return 'logged';
};
exports.stream = global.awslambda && awslambda.streamifyResponse(async (event, stream) => {
  stream.write('one ');
  stream.write('two');
  stream.end();
});
