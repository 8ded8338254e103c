'use strict';
// A runtime of its own for Node.js: speaks the Runtime API as a custom runtime would.
const http = require('http');
const path = require('path');

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const [file, name] = process.env._HANDLER.split('.');

function call(method, route, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, agent, method, headers, path: '/2018-06-01/runtime' + route }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }));
    });
    request.on('error', reject);
    if (body && body.chunks) {
      for (const chunk of body.chunks) request.write(chunk);
      if (body.trailers) request.addTrailers(body.trailers);
      request.end();
    } else request.end(body);
  });
}
const describe = (error) => JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') });

(async () => {
  let handler;
  try { handler = require(path.resolve(file))[name]; } catch (error) {
    await call('POST', '/init/error', { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': 'Runtime.Unknown' }, describe(error));
    process.exit(1);
  }
  for (;;) {
    const next = await call('GET', '/invocation/next', {});
    const id = next.headers['lambda-runtime-aws-request-id'];
    const deadline = Number(next.headers['lambda-runtime-deadline-ms']);
    if (next.headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = next.headers['lambda-runtime-trace-id'];
    const context = {
      awsRequestId: id, invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'],
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME, functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, getRemainingTimeInMillis: () => deadline - Date.now(),
      contentType: next.headers['content-type'],
      post: (route, headers, body) => call('POST', `/invocation/${id}${route}`, headers, body), call,
    };
    try {
      const result = await handler(JSON.parse(next.body), context);
      if (result !== context) await call('POST', `/invocation/${id}/response`, { 'Content-Type': 'application/json' }, JSON.stringify(result === undefined ? null : result));
    } catch (error) {
      await call('POST', `/invocation/${id}/error`, { 'Content-Type': 'application/json' }, describe(error));
    }
  }
})();
