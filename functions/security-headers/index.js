// viewer-response: the headers that every audit asks for.
'use strict';

const wanted = {
  'Strict-Transport-Security': 'max-age=63072000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
};

exports.handler = (event, context, callback) => {
  const response = event.Records[0].cf.response;
  for (const [key, value] of Object.entries(wanted)) {
    response.headers[key.toLowerCase()] = [{ key, value }];
  }
  callback(null, response);
};
