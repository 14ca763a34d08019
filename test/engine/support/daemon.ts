/**
 * A daemon that tests start, freeze and kill: works jobs whose effects are lines in a file. It says
 * `ready`, and on SIGTERM hands over and ends.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../../src/engine/engine.ts';
import type { Job } from '../../../src/engine/job.ts';
import { openRedis } from '../../../src/engine/redis.ts';
import { type DaemonOptions, stepsOptions } from './daemons.ts';

const { stateDir, url, timings, world } = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions;

/** Does as many steps as it is told to, of these effects in turn; each acts in the middle of its time. */
const job: Job<typeof stepsOptions> = {
  summary: 'Write a line for each step',
  options: stepsOptions,
  async run(ctx) {
    const { steps, stepMs, effects } = ctx.options;
    for (let i = 0; i < steps; i += 1) {
      const effect = effects[i % effects.length] ?? 'read';
      const line = `${ctx.runId} ${effect} ${i}`;
      const verify = async () =>
        readFileSync(world, 'utf8').includes(` ${line}\n`)
          ? ({ happened: 'yes', value: undefined } as const)
          : ({ happened: 'no' } as const);
      const asked = effect === 'verify' ? { verify } : {};
      await ctx.step(`${effect} ${i}`, { effect, ...asked }, async ({ signal }) => {
        await sleep(stepMs / 2, undefined, { signal });
        appendFileSync(world, `${process.pid} ${Date.now()} ${line}\n`);
        await sleep(stepMs / 2, undefined, { signal });
      });
    }
  },
};

const redis = await openRedis({ stateDir, url, onError: () => {} });
const engine = await Engine.open<object>({
  redis,
  stateDir: join(stateDir, `of-${process.pid}`),
  jobs: new Map([['steps', { name: 'steps', job: job as Job, definition: 'sha256:test' }]]),
  clientsFor: () => Promise.resolve({}),
  deliver: () => Promise.resolve(),
  log: { info: () => {}, warn: () => {}, error: () => {} },
  mailHost: 'nightshift.test',
  concurrency: 4,
  timings,
  // Killed far more often than anything but a poison would be.
  mostLosses: 1_000_000,
});
process.on('SIGTERM', () => void engine.close());
await engine.start();
process.stdout.write('ready\n');
