/**
 * A daemon that tests start, freeze and kill: works jobs whose effects are lines in a file. It says
 * `ready`, and on SIGTERM hands over and ends.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Engine } from '../../../src/engine/engine.ts';
import type { Job } from '../../../src/engine/job.ts';
import { openRedis } from '../../../src/engine/redis.ts';
import { type DaemonOptions, stepsOptions } from './daemons.ts';

const {
  stateDir,
  url,
  timings,
  world,
  mostLosses = 1_000_000,
} = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions;

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

/** Kills the process that works it, after a step that is done, until its world is cured of it. */
const poison: Job<z.ZodObject<{ name: z.ZodOptional<z.ZodString> }>> = {
  summary: 'Kill the process',
  options: z.object({ name: z.string().optional() }),
  async run(ctx) {
    if (ctx.options.name !== undefined) return;
    const say = (what: string): void =>
      appendFileSync(world, `${process.pid} ${Date.now()} ${ctx.runId} ${what}\n`);
    await ctx.step('once before', { effect: 'once' }, async () => say('once before'));
    await ctx.step('poison', { effect: 'idempotent' }, async () => {
      if (!readFileSync(world, 'utf8').includes('cured\n')) process.kill(process.pid, 'SIGKILL');
      say('after');
    });
  },
};

const redis = await openRedis({ stateDir, url, onError: () => {} });
const engine = await Engine.open<object>({
  redis,
  stateDir: join(stateDir, `of-${process.pid}`),
  jobs: new Map(
    Object.entries({ steps: job, poison }).map(([name, job]) => [
      name,
      { name, job, definition: 'sha256:test' },
    ]),
  ),
  clientsFor: () => Promise.resolve({}),
  deliver: () => Promise.resolve(),
  log: { info: () => {}, warn: () => {}, error: () => {} },
  mailHost: 'nightshift.test',
  concurrency: 4,
  timings,
  mostLosses,
});
process.on('SIGTERM', () => void engine.close());
await engine.start();
process.stdout.write('ready\n');
