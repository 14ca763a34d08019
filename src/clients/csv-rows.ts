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
 * Hands on the cells of each row, the head first; empty lines are no rows. Throws csv-parse's error where quotes are
 * not as they should be, and, unless lengths may be `uneven`, where a row has more or fewer cells than the head;
 * rows just before it may be lost then. Throws what `take` throws, too. Answers whether the last row is ended, as it
 * is where nothing was cut off.
 */
export async function readRows(
  source: Readable,
  take: (cells: string[]) => void,
  { uneven = false } = {},
): Promise<boolean> {
  const rows = parse({
    bom: true,
    max_record_size: MOST_ROW_BYTES,
    record_delimiter: ['\n', '\r\n'],
    skip_empty_lines: true,
    relax_column_count: uneven,
  });
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
