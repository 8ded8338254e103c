'use strict';
// One function behind the HTTP API and the load balancer: it tells how it was reached.
exports.handler = async (event) => {
    const isBalancer = Boolean(event.requestContext && event.requestContext.elb);
    const body = {
        door: isBalancer ? 'load balancer' : 'HTTP API',
        path: isBalancer ? event.path : event.rawPath,
        name: (event.pathParameters && event.pathParameters.name) || null,
    };
    return {
        statusCode: 200,
        headers: { 'content-type': 'application/json' },
        isBase64Encoded: false,
        body: JSON.stringify(body),
    };
};
