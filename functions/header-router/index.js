'use strict';
// origin-request: the header x-portico-origin: second chooses another origin.
exports.handler = async (event) => {
    const request = event.Records[0].cf.request;
    const wanted = request.headers['x-portico-origin'];
    if (wanted && wanted[0].value === 'second') {
        request.origin.custom.domainName = 'second.example.com';
        request.headers.host = [{ key: 'Host', value: 'second.example.com' }];
    }
    return request;
};
