/** How does a request that needs Redis get its answer, or a word within a second that there is none? */
import { setImmediate as turn } from 'node:timers/promises';

/** Redis was silent for too long. `asked`: the request had reached it, perhaps, and may still be carried out. */
export class RedisAway extends Error {
  override readonly name = 'RedisAway';
  readonly retryable = true;
  readonly asked: boolean;
  constructor(asked: boolean) {
    super('Redis does not answer');
    this.asked = asked;
  }
}

export interface AskOptions {
  /** The smallest question there is; waits while Redis is away. */
  readonly probe: () => Promise<unknown>;
  readonly silenceMs: number;
  readonly answerMs: number;
}

/** Waits for what a question to Redis gives. Throws `RedisAway` when Redis is silent, whatever becomes of the question. */
export type Ask = <T>(question: () => Promise<T>) => Promise<T>;

/**
 * The engine waits for a Redis that is away, and what waits there is carried out later. So each question comes
 * after a probe, and while its answer takes long, Redis is probed again.
 */
export function askRedis({ probe, silenceMs, answerMs }: AskOptions): Ask {
  let probing: Promise<true> | undefined;
  async function answers(): Promise<boolean> {
    probing ??= probe()
      .then(() => true as const)
      .finally(() => {
        probing = undefined;
      });
    return (await within(silenceMs, probing)) !== undefined;
  }

  return async function ask(question) {
    if (!(await answers())) throw new RedisAway(false);
    const answer = question().then((value) => ({ value }));
    const patience = performance.now() + answerMs;
    for (;;) {
      const got = await within(silenceMs, answer);
      if (got !== undefined) return got.value;
      if (performance.now() > patience || !(await answers())) throw new RedisAway(true);
    }
  };
}

/** What the promise gives, or undefined when that takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  // One turn more, because an answer may lie there already while this process was busy.
  const timer = setTimeout(() => void turn().then(() => late.resolve(undefined)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Redis answers; undefined when it is away, for answers that are worth having without. */
export async function known<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RedisAway) return undefined;
    throw error;
  }
}
