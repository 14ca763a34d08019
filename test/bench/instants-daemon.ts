/** A daemon whose clock its parent process moves: says when it has looked at a minute, and at the end how many runs it worked. */
import { z } from 'zod';
import { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/job.ts';
import { openRedis } from '../../src/engine/redis.ts';

export const PREFIX = '{nightshift}';
export const JOBS = Array.from({ length: 20 }, (_, i) => `minutely-${i}`);

/** The last word of a daemon. */
export interface Made {
  readonly worked: number;
}

const MIDNIGHT = Date.UTC(2026, 10, 24);

async function work([url = '', stateDir = '']: readonly string[]): Promise<void> {
  let minute = 0;
  let worked = 0;
  const now = (): Date => new Date(MIDNIGHT + minute * 60_000);
  const job: Job = {
    summary: 'Count',
    options: z.strictObject({}),
    run: async (ctx) => {
      await ctx.step('count', { effect: 'idempotent' }, async () => {
        worked += 1;
      });
    },
  };
  const engine = await Engine.open<object>({
    redis: await openRedis({ stateDir, url, onError: () => {} }),
    stateDir,
    jobs: new Map(JOBS.map((name) => [name, { name, job, definition: 'sha256:bench' }])),
    clientsFor: () => Promise.resolve({}),
    deliver: () => Promise.resolve(),
    log: { info: () => {}, warn: console.error, error: console.error },
    mailHost: 'nightshift.bench',
    clock: { now, realMs: (ms) => ms },
    // Queued, because runs are worked in real time and the minutes pass faster.
    schedules: JOBS.map((name) => ({
      job: name,
      cron: '* * * * *',
      zone: 'UTC',
      overlap: 'queue',
      catchUp: 'none',
      options: {},
      acting: true,
    })),
    prefix: PREFIX,
  });
  await engine.start();
  process.on('message', (said: { minute: number } | 'end') => {
    void (async () => {
      if (said === 'end') {
        await engine.close();
        process.send?.({ worked } satisfies Made);
        process.disconnect();
        return;
      }
      ({ minute } = said);
      await engine.cron.tick(now());
      process.send?.('looked');
    })();
  });
  process.send?.('ready');
}

if (process.send !== undefined) await work(process.argv.slice(2));
