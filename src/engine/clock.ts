/** Which time is it? Redis's clock for leases, because the clocks of daemons differ; a clock of its own for what jobs see. */
import type { Redis } from 'ioredis';

/** The time that runs live in: the real one, or one that goes faster. Leases and time-outs are always real. */
export interface Clock {
  now(): Date;
  /** How many real ms pass while this clock counts `ms`. */
  realMs(ms: number): number;
  /** How steps wait for a moment; real time goes by where this is left out. */
  readonly timers?: Timers;
  /** How parked runs are woken; Redis does it where this is left out. */
  readonly alarms?: Alarms;
  /** Has a clock that jumps stand still until the work is over, which takes real time; others leave it out. */
  standStill?(work: PromiseLike<unknown>): void;
  /** It is meant to agree with other machines' clocks; left out for one that goes its own way. */
  readonly isReal?: true;
}

/** Waits inside a step. */
export interface Timers {
  /** Resolves after `ms`; rejects with the signal's reason when it aborts before. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Aborts after `ms`. Nobody waits for it: a clock that jumps does not jump to it. */
  after(ms: number): AbortSignal;
  /** From 0 to 1, by which pauses differ, so that many do not come back together. */
  chance(): number;
}

/** Wakes runs that hold no worker, by a clock of its own. A run has one alarm at most. */
export interface Alarms {
  /** It is to look again after `ms`. */
  set(run: string, ms: number): void;
  /** Somebody has it in hand. */
  clear(run: string): void;
}

export const REAL_TIMERS: Timers = {
  async pause(ms, signal) {
    signal.throwIfAborted();
    const over = Promise.withResolvers<void>();
    const stop = (): void => over.reject(signal.reason as Error);
    const timer = setTimeout(over.resolve, ms);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await over.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
  },
  after: (ms) => AbortSignal.timeout(Math.ceil(ms)),
  chance: () => Math.random(),
};

export const REAL_CLOCK: Clock = { now: () => new Date(), realMs: (ms) => ms, isReal: true };

/** Redis's clock, in ms since the epoch. */
export async function redisNow(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}
