// viewer-request: /about and /about/ become /about/index.html; visitors of variant B get its home page.
import { chooseVariant } from './variant.mjs';

export const handler = async (event) => {
  const request = event.Records[0].cf.request;
  if (request.uri.endsWith('/')) {
    request.uri += 'index.html';
  } else if (!request.uri.split('/').pop().includes('.')) {
    request.uri += '/index.html';
  }
  if (request.uri === '/index.html' && chooseVariant(request.headers) === 'b') {
    request.uri = '/variant-b/index.html';
  }
  return request;
};
