// origin-request: `x-route: second` sends the request to a second origin, and its name with it.
'use strict';

exports.handler = async (event) => {
  const request = event.Records[0].cf.request;
  const route = request.headers['x-route'];
  if (route && route[0].value === 'second') {
    request.origin = {
      custom: {
        domainName: 'second.example.com', port: 80, protocol: 'http', path: '', sslProtocols: ['TLSv1.2'],
        readTimeout: 30, keepaliveTimeout: 5, customHeaders: {},
      },
    };
    request.headers.host = [{ key: 'Host', value: 'second.example.com' }];
  }
  request.headers['x-routed-by'] = [{ key: 'X-Routed-By', value: 'header-router' }];
  return request;
};
