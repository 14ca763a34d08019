/**
 * Turns instants that come due into runs. Every daemon looks; a ledger in Redis makes exactly one run,
 * or one row that says why there is none, of each instant of each job.
 */
import type { Redis } from 'ioredis';
import type { Json } from './job.ts';
import { type Due, nextInstants, planTick, type Schedule } from './schedule.ts';
import type { Call } from './scripts.ts';
import { stamp } from './stamp.ts';

/** When a job runs by itself, and how. */
export interface CronJob extends Schedule {
  readonly job: string;
  readonly options: Json;
  readonly acting: boolean;
}

/** One line of the ledger, or of the forecast. */
export interface Instant {
  readonly job: string;
  readonly at: string;
  /** The run that was made of it. */
  readonly run?: string;
  /** Why there is none. */
  readonly leftOut?: string;
}

export interface CronOptions {
  readonly call: Call;
  readonly redis: Redis;
  readonly prefix: string;
  readonly node: string;
  readonly jobs: readonly CronJob[];
  /** The fields of a new run, as `create` takes them. */
  readonly fieldsOf: (job: CronJob, instant: Date) => object;
  readonly ring: (run: string) => Promise<void>;
}

/** Longer outages are not gone through instant by instant. */
const LONGEST_OUTAGE_MS = 31 * 86_400_000;

export class Cron {
  readonly #options: CronOptions;

  constructor(options: CronOptions) {
    this.#options = options;
  }

  /**
   * Makes what is due by `now`, once, however many daemons ask. A schedule seen for the first time, or in
   * other words than before, begins now.
   */
  async tick(now: Date): Promise<void> {
    for (const job of this.#options.jobs) await this.#tickJob(job, now);
  }

  async #tickJob(job: CronJob, now: Date): Promise<void> {
    const { redis, prefix, call, node, fieldsOf, ring } = this.#options;
    const cursor = `${job.job} ${job.cron} ${job.zone}`;
    await redis.hsetnx(`${prefix}:cursor`, cursor, String(now.getTime()));
    const seen = Number(await redis.hget(`${prefix}:cursor`, cursor));
    const after = new Date(Math.max(seen, now.getTime() - LONGEST_OUTAGE_MS));
    const planned = planTick(job, { after, now });
    const outage = outageOf(planned);
    for (const { instant, missed } of planned) {
      const run = `${job.job}~${stamp(instant)}`;
      const { verdict } = await call('tick', {
        ...fieldsOf(job, instant),
        run,
        job: job.job,
        cursor,
        instant: instant.toISOString(),
        instantMs: String(instant.getTime()),
        overlap: job.overlap,
        by: node,
        ...(job.overlap === 'queue' ? { alone: true } : {}),
        ...(missed === undefined ? {} : { missed, outage }),
      });
      if (verdict === 'OK') await ring(run);
    }
  }

  /** What became of the instants so far, newest first. */
  async ledger(limit = 50): Promise<Instant[]> {
    const { redis, prefix, jobs } = this.#options;
    const rows = await Promise.all(
      jobs.map(async ({ job }) => {
        const ledger = `${prefix}:ledger:${job}`;
        const latest = await redis.zrange(`${ledger}:order`, '0', String(limit - 1), 'REV');
        const said = latest.length === 0 ? [] : await redis.hmget(ledger, ...latest);
        return latest.map((at, i): Instant => {
          const what = said[i] ?? '';
          return what.startsWith(`${job}~`) ? { job, at, run: what } : { job, at, leftOut: what };
        });
      }),
    );
    return rows
      .flat()
      .toSorted((a, b) => (a.at < b.at ? 1 : -1))
      .slice(0, limit);
  }

  /** The next `count` instants of each job after `from`, soonest first. */
  forecast(from: Date, count = 3): Instant[] {
    return this.#options.jobs
      .flatMap((job) =>
        nextInstants(job, from, count).map((at): Instant => ({ job: job.job, at: at.toISOString() })),
      )
      .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  }
}

/** The instants that were missed, in short, as `tick` raises them; undefined when none was. */
function outageOf(planned: readonly Due[]): object | undefined {
  const missed = planned.filter((due) => due.missed !== undefined).map(({ instant }) => instant.getTime());
  if (missed.length === 0) return undefined;
  const late = planned.length > missed.length;
  return { first: missed[0], last: missed.at(-1), missed: missed.length, late };
}
