'use strict';
// viewer-request: /about becomes /about/index.html.
exports.handler = (event, context, callback) => {
    const request = event.Records[0].cf.request;
    const last = request.uri.split('/').pop();
    if (last === '') request.uri += 'index.html';
    else if (!last.includes('.')) request.uri += '/index.html';
    callback(null, request);
};
