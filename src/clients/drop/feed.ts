/** What does a file say that others write of machines, here or behind a URL? Implements the `PatchFeed` port. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isRetryable, messageOf } from '../../domain/failure.ts';
import type { PatchFeed, Poll } from '../../domain/patch-feed.ts';
import { sayDuration } from '../../domain/say.ts';
import { firstWords, inOneLine, openSource, type SourceSettings } from '../download.ts';
import { futureFault, USUAL_TAGS } from '../feed-text.ts';
import { DropError } from './error.ts';
import type { Told, Tools } from './gather.ts';
import { readLines } from './lines.ts';
import { readMachineFiles } from './machine-files.ts';
import { reportReader } from './report.ts';

export type DropPlace =
  | { readonly file: string }
  /** May hold a token: only its host is named. */
  | { readonly url: string }
  | { readonly machineFiles: string };

export interface DropSettings extends SourceSettings {
  readonly place: DropPlace;
  /** Of times that have no offset: `Europe/London`. */
  readonly timezone: string;
  /** Worst first; others come after these. */
  readonly tags?: readonly string[];
  /** False: it holds what is new only, and nothing is resolved by what is not in it. */
  readonly complete: boolean;
  /** Machines that are well are in it, too; of machine files always so. */
  readonly listsClean?: boolean;
  /** One that was written longer ago resolves nothing. */
  readonly staleMs: number;
}

const MOST_WORDS = 1000;
/** Else everybody would have fallen silent at once. */
const NOBODY = 'no machine reports in it, though those that are well are in it, too';

/** What a place holds, and since when. */
interface Held extends Told {
  readonly writtenAt?: number;
}

/**
 * A poll is of the time at which its file was written, so that the same file read twice is the same poll. What
 * cannot be read of it is left out, and then it is not complete. Reads nothing before its first poll.
 * @throws DropError when a poll fails
 */
export function openDrop(name: string, settings: DropSettings): PatchFeed {
  const { place, timezone, tags: order = USUAL_TAGS, complete, listsClean, staleMs } = settings;
  const listsAll = 'machineFiles' in place || listsClean === true;
  const tools: Tools = { read: reportReader({ zone: timezone, order }), order };
  return {
    name,
    async poll(signal) {
      const now = Date.now();
      const { hosts, faults, writtenAt = now } = await held(settings, tools, signal);
      if (hosts.length === 0 && listsAll)
        throw new DropError(`${sayPlace(place)}: ${NOBODY}`, { retryable: true });
      const takenAt = new Date(Math.min(writtenAt, now)).toISOString();
      const age = now - writtenAt;
      const stale = age > staleMs ? [`it was last written ${sayDuration(age)} ago, on ${takenAt}`] : [];
      const newest = hosts.reduce<string | undefined>(
        (newest, { lastReport }) => ((lastReport ?? '') > (newest ?? '') ? lastReport : newest),
        undefined,
      );
      return {
        feed: name,
        takenAt,
        complete: complete && faults.length === 0 && stale.length === 0,
        warnings: [...faults, ...stale, ...futureFault(newest, new Date(now).toISOString())],
        listsClean: listsAll,
        hosts,
      } satisfies Poll;
    },
  };
}

async function held(settings: DropSettings, tools: Tools, signal: AbortSignal): Promise<Held> {
  const { place } = settings;
  try {
    if ('machineFiles' in place) return await readMachineFiles(place.machineFiles, signal);
    return 'file' in place
      ? await readFile(place.file, tools, signal)
      : await readUrl(new URL(place.url), settings, { tools, signal });
  } catch (error) {
    signal.throwIfAborted();
    const where = sayPlace(place);
    const retryable = isRetryable(error) || isFileError(error);
    throw new DropError(`${where}: ${inOneLine(messageOf(error), MOST_WORDS)}`, { retryable, cause: error });
  }
}

async function readFile(path: string, tools: Tools, signal: AbortSignal): Promise<Held> {
  const before = await stat(path);
  const told = await readLines(createReadStream(path, { signal }), tools);
  const after = await stat(path);
  const isSame = ['ino', 'size', 'mtimeMs'].every(
    (key) => before[key as keyof typeof before] === after[key as keyof typeof after],
  );
  const changed = isSame ? [] : ['it was written while it was read'];
  return { ...told, faults: [...told.faults, ...changed], writtenAt: before.mtimeMs };
}

async function readUrl(
  url: URL,
  settings: DropSettings,
  { tools, signal }: { tools: Tools; signal: AbortSignal },
): Promise<Held> {
  const source = openSource(settings);
  try {
    const answer = await source.get(url, signal);
    try {
      const { status, headers, body } = answer;
      if (status !== 200) {
        const retryable = status >= 500 || status === 429 || status === 408;
        const words = (await firstWords(answer)) || 'nothing more was said';
        throw new DropError(`it was answered ${status}: ${words}`, { retryable });
      }
      const told = await readLines(body, tools);
      const writtenAt = Date.parse(headers['last-modified'] ?? '');
      return { ...told, ...(!Number.isNaN(writtenAt) && { writtenAt }) };
    } finally {
      answer.body.destroy();
    }
  } finally {
    source.close();
  }
}

function sayPlace(place: DropPlace): string {
  if ('url' in place) return `the list at ${new URL(place.url).host}`;
  return 'file' in place ? place.file : place.machineFiles;
}

/** One that is not there may be on its way. */
function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
