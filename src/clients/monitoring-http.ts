/** How the HTTP APIs of Prometheus and Alertmanager are asked, and what went wrong when they were. */
import type { z } from 'zod';
import { isRetryable, messageOf } from '../domain/failure.ts';
import { type Exchange, openExchange } from './openstack/exchange.ts';

export interface MonitoringSettings {
  /** `https://prometheus.example.org`, with the path under which it is served, if any. */
  readonly url: string;
  readonly token?: string;
  readonly login?: { readonly user: string; readonly password: string };
  /** Certificates (PEM) that are trusted beside the public authorities. */
  readonly ca?: string;
  /** For a whole call. Default 20 s. */
  readonly timeoutMs?: number;
}

/** A call that did not go well. Its message holds no credential. */
export class MonitoringError extends Error {
  override readonly name = 'MonitoringError';
  readonly retryable: boolean;
  /** HTTP status; absent when there was no answer. */
  readonly status: number | undefined;

  constructor(message: string, how: { retryable: boolean; status?: number; cause?: unknown }) {
    super(message, { cause: how.cause });
    this.retryable = how.retryable;
    this.status = how.status;
  }
}

interface Asking<T> {
  readonly method: Exchange['method'];
  readonly path: string;
  /** A name may come several times. */
  readonly query?: readonly (readonly [string, string])[];
  readonly body?: object;
  readonly answer: z.ZodType<T>;
  readonly signal?: AbortSignal;
}

export type Ask = <T>(asking: Asking<T>) => Promise<T>;

const TIMEOUT_MS = 20_000;
/** RFC 9110: the other side had no time, or saw too much of us. */
const PASSING = new Set([408, 425, 429]);

/** `name` begins every error: `Prometheus`. @throws MonitoringError from each call. */
export function openMonitoring(name: string, settings: MonitoringSettings): Ask {
  const { url, ca, timeoutMs = TIMEOUT_MS } = settings;
  const exchange = openExchange(ca);
  const base = url.replace(/\/+$/, '');
  const { host } = new URL(base);

  return async function ask({ method, path, query = [], body, answer, signal }) {
    const target = new URL(`${base}${path}`);
    for (const [key, value] of query) target.searchParams.append(key, value);
    const content = body && { 'content-type': 'application/json' };
    const called = `${name} at ${host}: ${method} ${path}`;
    let got: { readonly status: number; readonly text: string };
    try {
      got = await exchange({
        method,
        url: target,
        headers: {
          accept: 'application/json',
          'user-agent': 'nightshift',
          ...authorization(settings),
          ...content,
        },
        ...(body && { body: JSON.stringify(body) }),
        connectMs: timeoutMs,
        answerMs: timeoutMs,
        ...(signal && { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      const why = `${called} got no answer: ${messageOf(error)}`;
      throw new MonitoringError(why, { retryable: isRetryable(error), cause: error });
    }
    return understand(called, got, answer);
  };
}

function authorization({ token, login }: MonitoringSettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (login === undefined) return {};
  const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return { authorization: `Basic ${basic}` };
}

function understand<T>(
  called: string,
  { status, text }: { readonly status: number; readonly text: string },
  answer: z.ZodType<T>,
): T {
  if (status < 200 || status > 299) {
    const retryable = status >= 500 || PASSING.has(status);
    const words = text.replaceAll(/\s+/g, ' ').trim().slice(0, 200) || 'nothing more was said';
    throw new MonitoringError(`${called} was answered ${status}: ${words}`, { retryable, status });
  }
  const read = answer.safeParse(parsed(text));
  if (read.success) return read.data;
  const [fault] = read.error.issues;
  const where = `${fault?.path.join('.')}: ${fault?.message}`;
  throw new MonitoringError(`${called} was answered with something unexpected: ${where}`, {
    retryable: false,
    status,
  });
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
