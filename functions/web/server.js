'use strict';
// The origin of the sample stack: a few pages, a form and an experiment in two variants.
const http = require('node:http');

const pages = {
    '/index.html': '<h1>Portico</h1><p><a href="/about">About</a></p>',
    '/about/index.html': '<h1>About</h1><p>Reached by a pretty URL.</p>',
    '/experiment/a.html': '<h1>Variant A</h1>',
    '/experiment/b.html': '<h1>Variant B</h1>',
};

const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://origin');
    if (pathname === '/health') return response.end('ok');
    if (pathname.startsWith('/forms/') && request.method === 'POST') {
        response.writeHead(200, { 'content-type': 'application/octet-stream' });
        return request.pipe(response);
    }
    if (pathname.startsWith('/alb/')) return response.end(`web server: ${request.url}\n`);
    const page = pages[pathname];
    response.writeHead(page ? 200 : 404, {
        'content-type': 'text/html; charset=utf-8',
        'x-served-for': request.headers.host || '',
    });
    response.end(page || '<h1>Not found</h1>');
});

server.listen(Number(process.env.PORT || 3000), '127.0.0.1');
