'use strict';
// viewer-response: the headers that browsers want to see.
exports.handler = async (event) => {
    const response = event.Records[0].cf.response;
    const set = (key, value) => {
        response.headers[key.toLowerCase()] = [{ key, value }];
    };
    set('Strict-Transport-Security', 'max-age=63072000; includeSubDomains');
    set('X-Content-Type-Options', 'nosniff');
    set('X-Frame-Options', 'DENY');
    set('Referrer-Policy', 'same-origin');
    return response;
};
