import { increment } from './increment.mjs';
export default { get: async (event) => increment(event.a) };
