// The sample's origin: a small web app that shows what reached it.
'use strict';
const http = require('http');

const pages = {
  '/index.html': '<h1>Home</h1>',
  '/about/index.html': '<h1>About</h1>',
  '/variant-b/index.html': '<h1>Home, variant B</h1>',
};

http
  .createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://origin');
    if (request.method === 'POST') {
      let size = 0;
      request.on('data', (piece) => (size += piece.length));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ received: size, inspected: request.headers['x-body-inspected'] || null }));
      });
      return;
    }
    const page = pages[pathname];
    response.statusCode = page ? 200 : 404;
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end((page || '<h1>Not found</h1>') + `\n<p>origin saw ${pathname}</p>\n`);
  })
  .listen(process.env.PORT || 3000, '127.0.0.1');
