'use strict';
// What a runtime may do wrong, and what it is told then.
exports.wrongId = async (event, context) => {
  const answer = await context.call('POST', '/invocation/11111111-1111-4111-8111-111111111111/response', {}, '1');
  return [answer.status, JSON.parse(answer.body)];
};
exports.twice = async (event, context) => {
  await context.post('/response', {}, '"first"');
  const second = await context.post('/response', {}, '"second"');
  console.log('second', second.status, JSON.parse(second.body).errorMessage);
  return context;
};
exports.lateInitError = async (event, context) => {
  const answer = await context.call('POST', '/init/error', {}, '{}');
  return [answer.status, JSON.parse(answer.body).errorMessage];
};
exports.routes = async (event, context) => {
  const found = [];
  for (const [method, route] of [['GET', '/nowhere'], ['POST', '/invocation/next'], ['GET', '/init/error'], ['GET', '/restore/next']]) {
    found.push((await context.call(method, route, {})).status);
  }
  return [...found, context.contentType];
};
exports.badMode = async (event, context) => {
  const answer = await context.post('/response', { 'Lambda-Runtime-Function-Response-Mode': 'Streaming' }, '1');
  console.log('mode', answer.status, JSON.parse(answer.body).errorType);
  return context;
};
exports.redelivers = async (event, context) => {
  const again = await context.call('GET', '/invocation/next', {});
  return [again.headers['lambda-runtime-aws-request-id'] === context.awsRequestId, JSON.parse(again.body)];
};
exports.largeCause = async (event, context) => {
  const cause = JSON.stringify({ message: 'å'.repeat(500000) });
  const answer = await context.post('/error', { 'Lambda-Runtime-Function-XRay-Error-Cause': Buffer.from(cause).toString('latin1') }, '{"errorType":"E"}');
  console.log('cause', answer.status);
  return context;
};
exports.cause = async (event, context) => {
  await context.post('/error', { 'Content-Type': 'application/vnd.aws.lambda.error.cause+json' },
    '{"errorCause":{"a":1},"errorMessage":"m","errorType":"T","stackTrace":[]}');
  return context;
};
const late = Buffer.from('{"errorType":"Error","errorMessage":"late","trace":[]}').toString('base64');
exports.streams = async (event, context) => {
  const headers = { 'Content-Type': 'text/x-parts', 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked' };
  const trailers = event.late ? { 'Lambda-Runtime-Function-Error-Type': 'Error', 'Lambda-Runtime-Function-Error-Body': late } : undefined;
  if (event.late) headers.Trailer = event.two ? ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body']
    : 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body';
  await context.post('/response', headers, { chunks: ['one ', 'two'], trailers });
  return context;
};
exports.worksOn = async (event, context) => {
  await context.post('/response', {}, '"early"');
  await new Promise((resolve) => setTimeout(resolve, event.milliseconds));
  return context;
};
