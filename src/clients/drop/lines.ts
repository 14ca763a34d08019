/** Is a dropped list CSV or NDJSON? */
import { Readable } from 'node:stream';
import { readCsv } from './csv.ts';
import { DropError } from './error.ts';
import type { Told, Tools } from './gather.ts';
import { readNdjson } from './ndjson.ts';

/** What begins with `{` is NDJSON, anything else CSV. @throws DropError where it is neither */
export async function readLines(source: Readable, tools: Tools): Promise<Told> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done === true) throw new DropError('it is empty', { retryable: true });
  const whole = Readable.from(again(first.value, chunks), { objectMode: false });
  const isJson = /^\uFEFF?\s*\{/.test(first.value.toString('utf8', 0, 256));
  return isJson ? readNdjson(whole, tools) : readCsv(whole, tools);
}

async function* again(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
