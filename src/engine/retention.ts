/**
 * What is no longer kept? Ended runs with all that belongs to them, their logs, mails that were sent, and what
 * became of instants are forgotten after a time of their own.
 *
 * Each script looks at a few of them and decides by itself what goes, so any number of daemons may forget at
 * once, and one that stops in between leaves nothing half forgotten.
 */
import type { Redis } from 'ioredis';
import type { Log } from './job.ts';
import type { RunLogs } from './run-log.ts';
import { isOver, type RunState } from './runs.ts';
import type { Call } from './scripts.ts';

/** How many days things are kept, each after nothing more happens to it. */
export interface Keep {
  /** Runs, after their end. The newest of each job stay, and families whose last member has not ended so long ago. */
  readonly runsDays: number;
  /** Logs of runs on this machine, after their last line. */
  readonly logsDays: number;
  /** The texts of mails, after they were sent or given up. That they were stays known as long as their run. */
  readonly mailsDays: number;
  /** What became of the instants of schedules. */
  readonly ledgerDays: number;
}

export const KEEP: Keep = { runsDays: 90, logsDays: 90, mailsDays: 30, ledgerDays: 400 };

/** How many of each went in one turn. */
export interface Forgotten {
  readonly runs: number;
  readonly logs: number;
  readonly mails: number;
  readonly instants: number;
}

export interface RetentionOptions {
  readonly call: Call;
  /** For reads only. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly logs: RunLogs;
  readonly log: Log;
  readonly keep: Keep;
  /** Whether Redis is the one that we knew, asked anew. */
  readonly isTrusted: () => Promise<boolean>;
  /** True once the process leaves: then a turn ends early. */
  readonly isLeaving: () => boolean;
}

const DAY_MS = 86_400_000;
/** So many runs of a job stay, however old: somebody will ask how it went the last time. */
const NEWEST_RUNS = 10;
/** In one script, so that nobody else waits for it. */
const AT_ONCE = 20;
/** In one turn; the rest goes in the next. */
const MOST_A_TURN = 10_000;

export class Retention {
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Forgets what is due, up to ten thousand of each kind. Repeating it changes nothing. */
  async turn(): Promise<Forgotten> {
    const { keep, log } = this.#options;
    const forgotten: Forgotten = {
      instants: await this.#forgetInstants(keep.ledgerDays * DAY_MS),
      mails: await this.#inSlices('forget-mails', { keptMs: keep.mailsDays * DAY_MS }),
      runs: await this.#forgetRuns(keep.runsDays * DAY_MS),
      logs: await this.#forgetLogs(),
    };
    const some = Object.values(forgotten).some((count) => count > 0);
    if (some) log.info('forgot what was kept long enough', forgotten);
    return forgotten;
  }

  /** Oldest first, past those that stay. */
  async #forgetRuns(keptMs: number): Promise<number> {
    const { call, redis, prefix, isLeaving } = this.#options;
    let forgotten = 0;
    let stay = 0;
    while (forgotten < MOST_A_TURN && !isLeaving()) {
      // What was made later has not ended before.
      const madeBefore = String(Date.now() - keptMs);
      const runs = await redis.zrangebyscore(`${prefix}:runs`, '-inf', madeBefore, 'LIMIT', stay, AT_ONCE);
      if (runs.length === 0) break;
      const { rest } = await call('forget-runs', { runs, keptMs, newest: NEWEST_RUNS, most: AT_ONCE });
      forgotten += Number(rest[0]);
      stay += Number(rest[1]);
    }
    return forgotten;
  }

  async #forgetInstants(keptMs: number): Promise<number> {
    const { redis, prefix } = this.#options;
    // Cursors are called by their job and the words of its schedule, past ones too.
    const cursors = await redis.hkeys(`${prefix}:cursor`);
    let forgotten = 0;
    for (const job of new Set(cursors.map((cursor) => cursor.split(' ')[0]))) {
      forgotten += await this.#inSlices('forget-instants', { job, keptMs });
    }
    return forgotten;
  }

  async #inSlices(script: 'forget-mails' | 'forget-instants', args: object): Promise<number> {
    const { call, isLeaving } = this.#options;
    let forgotten = 0;
    while (forgotten < MOST_A_TURN && !isLeaving()) {
      const { rest } = await call(script, { ...args, most: AT_ONCE });
      forgotten += Number(rest[0]);
      if (Number(rest[0]) < AT_ONCE) break;
    }
    return forgotten;
  }

  /** Those that are old enough themselves, and those that outlived their run. Never the log of an open run. */
  async #forgetLogs(): Promise<number> {
    const { logs, keep, isTrusted, isLeaving } = this.#options;
    const now = Date.now();
    const shortestMs = Math.min(keep.runsDays, keep.logsDays) * DAY_MS;
    const old = await logs.lastWrittenBefore(new Date(now - shortestMs));
    let forgotten = 0;
    for (let i = 0; i < old.length && forgotten < MOST_A_TURN && !isLeaving(); i += AT_ONCE) {
      const some = old.slice(i, i + AT_ONCE);
      const states = await this.#statesOf(some.map(({ run }) => run));
      // A Redis that was flushed meanwhile knows no run, and these logs are all that is left of them.
      if (!(await isTrusted())) break;
      for (const [j, { run, at }] of some.entries()) {
        const state = states[j];
        const isOld = now - at.getTime() > keep.logsDays * DAY_MS;
        if (state !== undefined && !(isOver(state) && isOld)) continue;
        await logs.forget(run);
        forgotten += 1;
      }
    }
    return forgotten;
  }

  async #statesOf(runs: readonly string[]): Promise<(RunState | undefined)[]> {
    const { redis, prefix } = this.#options;
    const states = runs.map((run) => redis.hget(`${prefix}:run:${run}`, 'state'));
    return (await Promise.all(states)).map((state) => (state ?? undefined) as RunState | undefined);
  }
}
