const { double } = require('../../lib/double');
exports.api = { get: async (event) => double(event.a) };
