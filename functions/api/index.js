// One function behind the load balancer and the HTTP API; it says which of them called.
'use strict';

exports.handler = async (event) => {
  const caller = event.requestContext && event.requestContext.elb ? 'load balancer' : 'HTTP API';
  const path = event.rawPath || event.path;
  return {
    statusCode: 200,
    statusDescription: '200 OK',
    isBase64Encoded: false,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ caller, path, parameters: event.pathParameters || {} }) + '\n',
  };
};
