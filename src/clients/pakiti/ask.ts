/** How is a Pakiti server asked, and what went wrong when it was? */
import { isRetryable, messageOf } from '../../domain/failure.ts';
import {
  type Download,
  firstWords,
  inOneLine,
  openSource,
  type SourceSettings,
  wholeText,
} from '../download.ts';

export interface PakitiServer extends SourceSettings {
  /** `https://pakiti.example.org/pakiti`: where `api/hosts.php` is below. */
  readonly url: string;
}

/** A poll that told nothing. Its message holds no credential. */
export class PakitiError extends Error {
  override readonly name = 'PakitiError';
  readonly retryable: boolean;
  /** HTTP status; absent when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, how: { retryable: boolean; status?: number; cause?: unknown }) {
    super(message, { cause: how.cause });
    this.retryable = how.retryable;
    this.status = how.status;
  }
}

/** RFC 9110: the other side had no time, or saw too much of us. */
const PASSING = new Set([408, 425, 429]);
const MOST_EXPORT = 64 * 1024 * 1024;
/** An answer that is no such list: the same question gets the same one. */
const NO_LIST = new Set(['text/html', 'application/xhtml+xml']);

/** `called` begins the errors that it throws. */
type Reading<T> = (answer: Download, called: string) => Promise<T>;

/** All calls of one poll. */
export interface Asking {
  /** Reads the answer with `read`, whose errors are faults of the answer. @throws PakitiError */
  read<T>(script: string, query: object, read: Reading<T>): Promise<T>;
  /** As `read`, of a text that fits into memory. */
  readText<T>(script: string, query: object, read: (text: string) => T): Promise<T>;
  close(): void;
}

export function askPakiti({ url, ...settings }: PakitiServer, signal: AbortSignal): Asking {
  const source = openSource(settings);
  const base = url.replace(/\/+$/, '');
  const { host } = new URL(base);

  async function read<T>(script: string, query: object, read: Reading<T>): Promise<T> {
    const target = new URL(`${base}/api/${script}`);
    for (const [key, value] of Object.entries(query)) target.searchParams.set(key, String(value));
    const called = `Pakiti at ${host}: GET api/${script}`;
    let answer: Download;
    try {
      answer = await source.get(target, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw noAnswer(called, error, target.protocol === 'https:' && settings.certificate === undefined);
    }
    try {
      await refuseNonsense(called, answer);
      return await read(answer, called);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PakitiError) throw error;
      const broken = isRetryable(error);
      const why = broken ? 'broke off' : 'is not what was expected';
      const { status } = answer;
      throw new PakitiError(`${called}: the answer ${why}: ${inOneLine(messageOf(error))}`, {
        retryable: broken,
        status,
        cause: error,
      });
    } finally {
      answer.body.destroy();
    }
  }

  return {
    read,
    readText: (script, query, understand) =>
      read(script, query, async (answer, called) => {
        const text = await wholeText(answer, MOST_EXPORT);
        if (text === '') throw nothingSaid(called, answer);
        return understand(text);
      }),
    close: () => source.close(),
  };
}

/** What is no answer of the API at all. Without its database Pakiti says 200 and nothing, as a page for people. */
async function refuseNonsense(called: string, answer: Download): Promise<void> {
  const { status, headers } = answer;
  if (status !== 200) {
    const retryable = status >= 500 || PASSING.has(status);
    const words = (await firstWords(answer)) || 'nothing more was said';
    throw new PakitiError(`${called} was answered ${status}: ${words}`, { retryable, status });
  }
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (!NO_LIST.has(type.trim().toLowerCase())) return;
  const words = await firstWords(answer);
  if (words === '') throw nothingSaid(called, answer);
  throw new PakitiError(`${called} was answered with a page for people: ${words}`, {
    retryable: false,
    status,
  });
}

export function nothingSaid(called: string, { status }: Download): PakitiError {
  const why = 'was answered with nothing at all, as Pakiti does when its database is away';
  return new PakitiError(`${called} ${why}`, { retryable: true, status });
}

/** Apache tears the connection down where it wants a certificate and sees none. */
function noAnswer(called: string, error: unknown, isAnonymous: boolean): PakitiError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const isTornDown = /^(ECONNRESET|EPIPE)$|ALERT/.test(code);
  const hint = isAnonymous && isTornDown ? ' (does it want a client certificate? `cert` and `key`)' : '';
  const why = `${called} got no answer: ${messageOf(error)}${hint}`;
  return new PakitiError(why, { retryable: isRetryable(error), cause: error });
}

/** What can be done without. Whoever is told to stop stops. */
export async function tryTo<T>(ask: () => Promise<T>, otherwise: T): Promise<{ got: T; faults: string[] }> {
  try {
    return { got: await ask(), faults: [] };
  } catch (error) {
    if (!(error instanceof PakitiError)) throw error;
    return { got: otherwise, faults: [messageOf(error)] };
  }
}
