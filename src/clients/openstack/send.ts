/** Requests that are sent again where that is safe and helps, and answers that are understood. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { type Answer, noAnswer, OpenStackError, refusal } from './error.ts';
import type { Exchange, Exchanging } from './exchange.ts';
import { pauseBeforeRetry, type Timing } from './retry.ts';

interface Sending {
  /** What errors call it: `Nova: GET /servers/detail`. */
  readonly name: string;
  readonly method: Exchange['method'];
  readonly url: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** Sending it twice is the same as sending it once. */
  readonly idempotent: boolean;
  readonly answerMs: number;
}

/** Sends, and answers with what came when that is a success; else throws OpenStackError. */
export type Send = (sending: Sending) => Promise<Answer>;

export function openSend(timing: Timing, exchange: Exchanging): Send {
  return async function send(sending) {
    const began = Date.now();
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(sending);
      } catch (error) {
        if (!(error instanceof OpenStackError)) throw error;
        const elapsedMs = Date.now() - began;
        const { idempotent } = sending;
        const pauseMs = pauseBeforeRetry({
          error,
          idempotent,
          tries,
          elapsedMs,
          timing,
          random: Math.random(),
        });
        if (pauseMs === undefined) throw error;
        await sleep(pauseMs);
      }
    }
  };

  async function attempt({ name, method, url, query, headers, body, answerMs }: Sending): Promise<Answer> {
    const target = new URL(url);
    for (const [key, value] of Object.entries(query ?? {})) target.searchParams.set(key, value);
    const content = body && { 'content-type': 'application/json' };
    let answer: Answer;
    try {
      answer = await exchange({
        method,
        url: target,
        headers: { accept: 'application/json', 'user-agent': 'nightshift', ...content, ...headers },
        ...(body && { body: JSON.stringify(body) }),
        connectMs: timing.connectMs,
        answerMs,
      });
    } catch (error) {
      throw noAnswer(`${name} at ${target.host}`, error);
    }
    if (answer.status < 200 || answer.status > 299) throw refusal(name, answer);
    return answer;
  }
}

/** The answer's body as `schema` has it; OpenStackError naming what differs. */
export function understand<T>(name: string, answer: Answer, schema: z.ZodType<T>): T {
  const { status } = answer;
  let body: unknown;
  try {
    body = 'body' in answer ? answer.body : answer.text === '' ? undefined : JSON.parse(answer.text);
  } catch {
    // Something between us and the service spoke; it may be gone next time.
    const retryable = true;
    throw new OpenStackError(`${name} was answered ${status}, but not in JSON`, { retryable, status });
  }
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const faults = read.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new OpenStackError(`${name} was answered with something unexpected: ${faults.join('; ')}`, {
    retryable: false,
    status,
  });
}
