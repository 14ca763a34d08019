/** What does a dropped NDJSON file say? A line a machine; `{"hosts": 2}` as the last one says how many there are. */
import { sayCount } from '../../domain/say.ts';
import { show } from '../../domain/words.ts';
import { DropError } from './error.ts';
import { CUT_OFF, gather, type Told, type Tools } from './gather.ts';

const MOST_LINE_BYTES = 4 * 1024 * 1024;
const BOM = /^\uFEFF/;

/** @throws DropError where no line can be read */
export async function readNdjson(source: AsyncIterable<Buffer>, tools: Tools): Promise<Told> {
  const gathered = gather(tools);
  let count = 0;
  let told: number | undefined;
  let isWhole = true;
  for await (const { line, number, isEnded } of linesOf(source)) {
    isWhole = isEnded;
    const text = line.replace(BOM, '').trim();
    if (text === '') continue;
    const where = `line ${number}`;
    if (told !== undefined) gathered.fault(where, 'stands behind the count of hosts, which is the last line');
    const value = parsed(text);
    const hosts = countIn(value);
    if (value === undefined) gathered.fault(where, `${show(text)} is no JSON`);
    else if (hosts !== undefined) told = hosts;
    else gathered.take(where, value);
    if (hosts === undefined) count += 1;
  }
  const isShort = told !== undefined && told !== count;
  return gathered.told([
    ...(isWhole ? [] : [CUT_OFF]),
    ...(isShort ? [`its last line counts ${sayCount(told ?? 0, 'host')}, and there are ${count}`] : []),
  ]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function countIn(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null || !('hosts' in value)) return undefined;
  return Object.keys(value).length === 1 && typeof value.hosts === 'number' ? value.hosts : undefined;
}

interface Line {
  readonly line: string;
  /** From 1. */
  readonly number: number;
  readonly isEnded: boolean;
}

async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      number += 1;
      yield { line: bytes.toString('utf8', from, end), number, isEnded: true };
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > MOST_LINE_BYTES)
      throw new DropError(`line ${number + 1} is longer than ${MOST_LINE_BYTES} bytes`, { retryable: false });
  }
  if (rest.length > 0) yield { line: rest.toString('utf8'), number: number + 1, isEnded: false };
}
