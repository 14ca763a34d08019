/** Do ten daemons make exactly one run of each instant that comes due? */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { redisServer } from '../engine/support/redis-server.ts';
import { eventually } from '../support/engine.ts';
import type { Figure } from './figures.ts';
import { JOBS, type Made, PREFIX } from './instants-daemon.ts';

const DAEMONS = 10;
const MINUTES = 100;
const WANTED = MINUTES * JOBS.length;
const ALL_WORKED_WITHIN_MS = 300_000;

/** Ten processes whose clock is ours: each minute comes to all of them at once, and all look what is due. */
export async function measureInstants(): Promise<Figure[]> {
  const server = await redisServer();
  const dir = mkdtempSync(join(tmpdir(), 'ns-instants-'));
  const redis = new Redis(server.socket);
  const daemons: ChildProcess[] = [];
  try {
    for (let i = 0; i < DAEMONS; i += 1) daemons.push(daemonOn(server.socket, join(dir, String(i))));
    await Promise.all(daemons.map((daemon) => answerOf(daemon)));
    const began = performance.now();
    for (let minute = 1; minute <= MINUTES; minute += 1) {
      for (const daemon of daemons) daemon.send({ minute });
      await Promise.all(daemons.map((daemon) => answerOf(daemon)));
    }
    await eventually(
      'every run to be worked',
      async () => (await redis.zcard(`${PREFIX}:open`)) === 0,
      ALL_WORKED_WITHIN_MS,
    );
    const tookS = (performance.now() - began) / 1000;
    for (const daemon of daemons) daemon.send('end');
    const made = await Promise.all(daemons.map((daemon) => answerOf(daemon) as Promise<Made>));
    await Promise.all(daemons.map(async (daemon) => daemon.exitCode ?? (await once(daemon, 'exit'))));
    return [figureOf({ ...(await countIn(redis)), made: made.map(({ worked }) => worked) }, tookS)];
  } finally {
    for (const daemon of daemons) daemon.kill('SIGKILL');
    redis.disconnect();
    await server.remove();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Counted {
  /** Rows of the ledger. */
  readonly rows: number;
  readonly runs: number;
  readonly succeeded: number;
  /** Daemons that made a run. */
  readonly makers: number;
}

function figureOf(
  { rows, runs, succeeded, makers, made }: Counted & { made: number[] },
  tookS: number,
): Figure {
  const once = made.reduce((sum, worked) => sum + worked, 0);
  return {
    what: `${DAEMONS} daemons and ${WANTED.toLocaleString('en')} instants`,
    figure: `${runs.toLocaleString('en')} runs`,
    bar: `exactly ${WANTED.toLocaleString('en')}`,
    met: [rows, runs, succeeded, once].every((count) => count === WANTED),
    how: `${JOBS.length} jobs, ${MINUTES} minutes: ${rows} rows, ${succeeded} succeeded, ${once} times worked; made by ${makers} daemons, worked by ${made.filter((worked) => worked > 0).length}, in ${tookS.toFixed(0)} s`,
  };
}

/** As it lies in Redis, asked past the engine. */
async function countIn(redis: Redis): Promise<Counted> {
  const rows = await Promise.all(JOBS.map((job) => redis.hlen(`${PREFIX}:ledger:${job}`)));
  const runs = await redis.zrange(`${PREFIX}:runs`, '0', '-1');
  const states = await Promise.all(runs.map((run) => redis.hget(`${PREFIX}:run:${run}`, 'state')));
  const audit = await redis.xrange(`${PREFIX}:audit`, '-', '+');
  const makers = audit.flatMap(([, fields]) => {
    const valueOf = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
    return valueOf('act') === 'create' ? [valueOf('by')] : [];
  });
  return {
    rows: rows.reduce((sum, count) => sum + count, 0),
    runs: runs.length,
    succeeded: states.filter((state) => state === 'succeeded').length,
    makers: new Set(makers).size,
  };
}

function daemonOn(url: string, stateDir: string): ChildProcess {
  return fork(new URL('./instants-daemon.ts', import.meta.url).pathname, [url, stateDir]);
}

/** What it says next. Rejects when it ends without a word. */
async function answerOf(daemon: ChildProcess): Promise<unknown> {
  const gone = new AbortController();
  const ended = once(daemon, 'exit', { signal: gone.signal }).then(([how]) => {
    throw new Error(`a daemon ended: ${String(how)}`);
  });
  ended.catch(() => {});
  try {
    const [said] = (await Promise.race([once(daemon, 'message'), ended])) as [unknown];
    return said;
  } finally {
    gone.abort();
  }
}
