/** What does a dropped CSV file say? A row a finding; a machine that is well has one without an id. */
import type { Readable } from 'node:stream';
import { messageOf } from '../../domain/failure.ts';
import { sayCount } from '../../domain/say.ts';
import { show, unknownWord } from '../../domain/words.ts';
import { readRows } from '../csv-rows.ts';
import { inOneLine } from '../download.ts';
import { DropError } from './error.ts';
import { CUT_OFF, gather, type Told, type Tools } from './gather.ts';

const HOST_COLUMNS = [
  'host',
  'serverId',
  'projectId',
  'addresses',
  'os',
  'lastReport',
  'rebootRequired',
  'securityUpdates',
];
const FINDING_COLUMNS = [
  'id',
  'tags',
  'score',
  'package',
  'installed',
  'fixed',
  'needsReboot',
  'advisedAt',
  'url',
];
const COLUMNS = [...HOST_COLUMNS, ...FINDING_COLUMNS];

const LISTS = new Set(['addresses', 'tags']);
const NUMBERS = new Set(['score', 'securityUpdates']);
const FLAGS = new Set(['rebootRequired', 'needsReboot']);
const YES_OR_NO = new Map([
  ...['true', 'yes', '1'].map((word) => [word, true] as const),
  ...['false', 'no', '0'].map((word) => [word, false] as const),
]);

/** @throws DropError where the head is not that of such a file, or no row can be read */
export async function readCsv(source: Readable, tools: Tools): Promise<Told> {
  const gathered = gather(tools);
  let columns: readonly string[] | undefined;
  let row = 0;
  const take = (cells: readonly string[]) => {
    row += 1;
    if (columns === undefined) columns = columnsOf(cells);
    else if (cells.length === columns.length) gathered.take(`row ${row}`, rowOf(columns, cells));
    else
      gathered.fault(`row ${row}`, `has ${sayCount(cells.length, 'cell')}, and the head ${columns.length}`);
  };
  try {
    const isWhole = await readRows(source, take, { uneven: true });
    return gathered.told(isWhole ? [] : [CUT_OFF]);
  } catch (error) {
    if (!isCsvError(error)) throw error;
    // The rows before it are whole; what stands behind it, nobody knows.
    gathered.fault(`behind row ${row}`, inOneLine(messageOf(error)));
    return gathered.told([]);
  }
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}

/** Case and underscores do not count: `last_report` is `lastReport`. */
function columnsOf(head: readonly string[]): string[] {
  const plain = (name: string) => name.replaceAll(/[\s_-]/g, '').toLowerCase();
  const known = new Map(COLUMNS.map((name) => [plain(name), name]));
  const columns = head.map((name) => known.get(plain(name)) ?? name);
  const faults = columns
    .filter((name) => !COLUMNS.includes(name))
    .map((name) => `column ${show(name)}: ${unknownWord('column', name, COLUMNS)}`);
  const doubled = columns.find((name, at) => columns.indexOf(name) < at);
  if (doubled !== undefined) faults.push(`column ${show(doubled)}: is there twice`);
  if (!['host', 'serverId', 'addresses'].some((name) => columns.includes(name)))
    faults.push('no column host, serverId or addresses');
  if (faults.length > 0) throw new DropError(faults.slice(0, 10).join('; '), { retryable: false });
  return columns;
}

/** The row as a line of NDJSON would say it. */
function rowOf(columns: readonly string[], cells: readonly string[]): object {
  const host: Record<string, unknown> = {};
  const finding: Record<string, unknown> = {};
  columns.forEach((name, at) => {
    const cell = cells[at]?.trim() ?? '';
    if (cell !== '') (HOST_COLUMNS.includes(name) ? host : finding)[name] = valueOf(name, cell);
  });
  return Object.keys(finding).length === 0 ? host : { ...host, findings: [finding] };
}

function valueOf(name: string, cell: string): unknown {
  if (LISTS.has(name)) return cell.split(';').map((part) => part.trim());
  if (FLAGS.has(name)) return YES_OR_NO.get(cell.toLowerCase()) ?? cell;
  const number = NUMBERS.has(name) ? Number(cell) : Number.NaN;
  return Number.isNaN(number) ? cell : number;
}
