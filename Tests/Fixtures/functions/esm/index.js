import { readFile } from 'node:fs/promises';
import dual from 'dual';
import { increment } from './src/increment.mjs';

const settings = JSON.parse(await readFile(new URL('./settings.json', import.meta.url), 'utf8'));

export const handler = async (event) => ({ sum: increment(event.a) + settings.offset, dual });
