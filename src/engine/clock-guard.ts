/**
 * May this process start what is due? Not while its clock is far from Redis's: it would be early or late, and
 * nobody could tell which of the two clocks is right.
 */
import type { Redis } from 'ioredis';
import { type Clock, redisNow } from './clock.ts';
import type { Log } from './job.ts';

/** A difference that is worth a word. */
const NOTEWORTHY_MS = 2000;
/** From here on nothing is started by schedule. */
const TOO_FAR_MS = 30_000;

/** A daemon that starts nothing by schedule. */
export interface HeldSchedules {
  readonly daemon: string;
  /** Completes "starts nothing by schedule: …". */
  readonly why: string;
}

export interface ClockGuardOptions {
  readonly clock: Clock;
  readonly redis: Redis;
  readonly prefix: string;
  readonly node: string;
  readonly log: Log;
}

type Standing = 'right' | 'noteworthy' | 'too far';

export class ClockGuard {
  readonly #options: ClockGuardOptions;
  #standing: Standing = 'right';
  #objection: string | undefined;

  constructor(options: ClockGuardOptions) {
    this.#options = options;
  }

  /** Why this process starts nothing by schedule, completing "starts nothing by schedule: …"; undefined while it may. */
  get objection(): string | undefined {
    return this.#objection;
  }

  /**
   * Compares the two clocks and returns Redis's time, in ms since the epoch. What has changed is logged, and an
   * objection is left in Redis for `heldSchedules`. A clock that goes its own way is never objected to.
   */
  async compare(): Promise<number> {
    const { clock, redis } = this.#options;
    const asked = performance.now();
    const theirs = await redisNow(redis);
    if (clock.isReal !== true) return theirs;
    const halfWayMs = (performance.now() - asked) / 2;
    const aheadMs = clock.now().getTime() - halfWayMs - theirs;
    // Nobody knows when on its way the answer was made: what that may explain is not held against the clock.
    const surelyMs = Math.max(0, Math.abs(aheadMs) - halfWayMs);
    await this.#judge(aheadMs, surelyMs);
    return theirs;
  }

  async #judge(aheadMs: number, surelyMs: number): Promise<void> {
    const { redis, prefix, node, log } = this.#options;
    const standing: Standing =
      surelyMs > TOO_FAR_MS ? 'too far' : surelyMs > NOTEWORTHY_MS ? 'noteworthy' : 'right';
    const why = `its clock is ${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} Redis's`;
    this.#objection = standing === 'too far' ? why : undefined;
    if (standing === 'too far') await redis.hset(`${prefix}:held-schedules`, node, why);
    if (standing === this.#standing) return;

    if (this.#standing === 'too far') await redis.hdel(`${prefix}:held-schedules`, node);
    this.#standing = standing;
    const fields = { aheadMs: Math.round(aheadMs) };
    if (standing === 'right') log.info("this machine's clock agrees with Redis's again", fields);
    if (standing === 'noteworthy') log.warn("this machine's clock differs from Redis's", fields);
    if (standing === 'too far') {
      const next = 'set the clocks of both machines right; it goes on by itself';
      log.error('nothing is started by schedule', { why, next, ...fields });
    }
  }
}

/** The living daemons that start nothing by schedule, and why. Forgets those that are gone. */
export async function heldSchedules(redis: Redis, prefix: string): Promise<HeldSchedules[]> {
  const held = Object.entries(await redis.hgetall(`${prefix}:held-schedules`));
  if (held.length === 0) return [];
  const living = new Set(await redis.zrangebyscore(`${prefix}:nodes`, await redisNow(redis), '+inf'));
  const gone = held.map(([daemon]) => daemon).filter((daemon) => !living.has(daemon));
  if (gone.length > 0) await redis.hdel(`${prefix}:held-schedules`, ...gone);
  return held.filter(([daemon]) => living.has(daemon)).map(([daemon, why]) => ({ daemon, why }));
}
