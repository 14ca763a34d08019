/**
 * A daemon that tests start, freeze and kill: works jobs whose effects are lines in a file. It says
 * `ready`, and on SIGTERM hands over and ends.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { Engine, type Timings } from '../../../src/engine/engine.ts';
import type { EngineContext, Job } from '../../../src/engine/job.ts';
import { openRedis } from '../../../src/engine/redis.ts';

export interface DaemonOptions {
  readonly stateDir: string;
  readonly url?: string;
  readonly timings: Partial<Timings>;
  /** Where effects are written, one line each: pid, time in ms, run, step, key. */
  readonly world: string;
}

const { stateDir, url, timings, world } = JSON.parse(process.argv[2] ?? '{}') as DaemonOptions;

const options = z.strictObject({ steps: z.int().default(1), stepMs: z.int().default(20) });
type Context = EngineContext<z.output<typeof options>>;

function act(ctx: Context, step: string): void {
  appendFileSync(world, `${process.pid} ${Date.now()} ${ctx.runId} ${step}\n`);
}

function happened(ctx: Context, step: string): boolean {
  return readFileSync(world, 'utf8').includes(` ${ctx.runId} ${step}\n`);
}

/** Steps of every effect in turn; each takes its time before its effect and after it. */
const steps: Job<typeof options> = {
  summary: 'Write a line for each step',
  options,
  async run(ctx) {
    const { steps, stepMs } = ctx.options;
    const half = async (): Promise<void> => sleep(stepMs / 2);
    for (let i = 0; i < steps; i += 1) {
      const effect = (['read', 'idempotent', 'verify', 'once'] as const)[i % 4] ?? 'read';
      const key = `${effect} ${i}`;
      const look = async () =>
        happened(ctx, key) ? ({ happened: 'yes', value: undefined } as const) : ({ happened: 'no' } as const);
      await ctx.step(key, { effect, ...(effect === 'verify' ? { verify: look } : {}) }, async () => {
        await half();
        act(ctx, key);
        await half();
      });
    }
  },
};

const redis = await openRedis({ stateDir, url, onError: () => {} });
const engine = await Engine.open<object>({
  redis,
  stateDir: join(stateDir, `of-${process.pid}`),
  jobs: new Map([['steps', { name: 'steps', job: steps as Job, definition: 'sha256:test' }]]),
  clientsFor: () => Promise.resolve({}),
  deliver: () => Promise.resolve(),
  log: { info: () => {}, warn: () => {}, error: () => {} },
  mailHost: 'nightshift.test',
  concurrency: 4,
  timings,
});
process.on('SIGTERM', () => void engine.close());
await engine.start();
process.stdout.write('ready\n');
