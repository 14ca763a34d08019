/** How much is there of everything, now? Counts over the whole installation, whichever process is asked. */
import type { ChainableCommander, Redis } from 'ioredis';
import { redisNow } from './clock.ts';
import type { RunState } from './runs.ts';

interface RunCount {
  readonly job: string;
  readonly state: RunState;
  readonly runs: number;
}

export interface Census {
  /** Runs that have not ended. */
  readonly open: readonly RunCount[];
  /** Ends of runs since the beginning; one that was resumed ends more than once. */
  readonly ended: readonly RunCount[];
  readonly stepsUnderWay: number;
  /** Runs that queue for a lease, counted once for each lease. */
  readonly leaseWaits: number;
  readonly mailsWaiting: number;
  /** Processes that work runs by themselves. */
  readonly daemons: number;
}

/** Reads in a few round trips; costs grow with the runs that are open, not with those that ended. */
export async function takeCensus(redis: Redis, prefix: string): Promise<Census> {
  const open = await redis.zrange(`${prefix}:open`, '0', '-1');
  const runs = open.map((id) => `${prefix}:run:${id}`);
  const [now, ended, mails, posts, heads, steps, leases] = await Promise.all([
    redisNow(redis),
    redis.hgetall(`${prefix}:ended`),
    redis.zcard(`${prefix}:outbox:due`),
    redis.zcard(`${prefix}:outbox:due:channels`),
    together<[string | null, string | null]>(redis, runs, (ask, run) => ask.hmget(run, 'job', 'state')),
    together<number>(redis, runs, (ask, run) => ask.zcard(`${run}:steps`)),
    together<string[]>(redis, runs, (ask, run) => ask.smembers(`${run}:queued`)),
  ]);
  const queues = [...new Set(leases.flat())].map((lease) => `${prefix}:lease:${lease}:queue`);
  const waits = await together<number>(redis, queues, (ask, queue) => ask.zcard(queue));
  return {
    open: counted(heads.flatMap(([job, state]) => (job && state ? [`${job} ${state}`] : []))),
    ended: Object.entries(ended).map(([what, count]) => ({ ...named(what), runs: Number(count) })),
    stepsUnderWay: total(steps),
    leaseWaits: total(waits),
    mailsWaiting: mails + posts,
    daemons: await redis.zcount(`${prefix}:nodes`, now, '+inf'),
  };
}

/** Asks the same of each in one round trip. */
async function together<T>(
  redis: Redis,
  keys: readonly string[],
  ask: (pipeline: ChainableCommander, key: string) => void,
): Promise<T[]> {
  const pipeline = redis.pipeline();
  for (const key of keys) ask(pipeline, key);
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, answer]) => {
    if (error) throw error;
    return answer as T;
  });
}

function counted(names: readonly string[]): RunCount[] {
  return Object.entries(Object.groupBy(names, (name) => name)).map(([name, all]) => ({
    ...named(name),
    runs: all?.length ?? 0,
  }));
}

function named(what: string): Pick<RunCount, 'job' | 'state'> {
  const [job = '', state = ''] = what.split(' ');
  return { job, state: state as RunState };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
