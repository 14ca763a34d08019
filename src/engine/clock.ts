/** Which time is it? Redis's clock for leases, because the clocks of daemons differ; a clock of its own for what jobs see. */
import type { Redis } from 'ioredis';

/** The time that runs live in: the real one, or one that goes faster. Leases and time-outs are always real. */
export interface Clock {
  now(): Date;
  /** How many real ms pass while this clock counts `ms`. */
  realMs(ms: number): number;
  /** It is meant to agree with other machines' clocks; left out for one that goes its own way. */
  readonly isReal?: true;
}

export const REAL_CLOCK: Clock = { now: () => new Date(), realMs: (ms) => ms, isReal: true };

/** Redis's clock, in ms since the epoch. */
export async function redisNow(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
  return seconds * 1000 + Math.floor(micros / 1000);
}
