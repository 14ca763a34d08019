/** The rows of a CSV file, one at a time and none kept. */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';

/** Longer than any list of a cloud; what goes on behind it is no list. */
const MOST_BYTES = 2 * 1024 ** 3;
/** Of a row: a quote that nobody closes must not take in the rest. */
const MOST_ROW_BYTES = 256 * 1024;

const NEWLINE = 0x0a;

/**
 * Hands on the cells of each row, the head first. All rows have as many cells as the head, and quotes that are
 * opened are closed, or csv-parse's error says what is wrong. Throws what `take` throws, too. Answers whether the
 * last row is ended, as it is where nothing was cut off.
 */
export async function readRows(source: Readable, take: (cells: string[]) => void): Promise<boolean> {
  const rows = parse({ bom: true, max_record_size: MOST_ROW_BYTES, record_delimiter: ['\n', '\r\n'] });
  let [bytes, last] = [0, 0];
  async function* watched(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`);
      last = chunk.at(-1) ?? last;
      yield chunk;
    }
  }
  await pipeline(source, watched, rows, async (records: AsyncIterable<string[]>) => {
    for await (const cells of records) take(cells);
  });
  return last === NEWLINE;
}
