/** What does a journalled step cost, in bare fenced Lua calls on the same Redis? */
import { join } from 'node:path';
import { z } from 'zod';
import { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/job.ts';
import type { RedisAccess } from '../../src/engine/redis.ts';
import { redactor } from '../../src/redact.ts';
import { type BareCalls, bareCalls } from './bare-call.ts';
import { type Figure, median, spread } from './figures.ts';

const PAIRS = 5;
/** Of each in a pair, one after the other in turn: what else the machine does then meets both. */
const CALLS = 500;
/** Nobody runs cold code a thousand times; what takes its time in a program that has just begun is Node. */
const WARM_UP = 2000;
const MOST = 2.5;
const PREFIX = '{nightshift}';

const optionsSchema = z.strictObject({
  calls: z.int(),
  bytes: z.int(),
  effect: z.enum(['read', 'idempotent']),
});

type Options = z.infer<typeof optionsSchema>;

/** Milliseconds for the middle one of each. */
interface Pair {
  readonly bare: number;
  readonly step: number;
}

/** Works runs through the engine's front door, whose steps do nothing but answer, and the yardstick beside them. */
export async function measureSteps(redis: RedisAccess, stateDir: string): Promise<Figure[]> {
  const yardstick = await bareCalls(redis.connect(), PREFIX);
  const pairs: Pair[] = [];
  const job = stepsJob(yardstick, pairs) as Job;
  const engine = await Engine.open<object>({
    redis: { ...redis, close: () => Promise.resolve() },
    stateDir: join(stateDir, 'steps'),
    jobs: new Map([['steps', { name: 'steps', job, definition: 'sha256:bench' }]]),
    clientsFor: () => Promise.resolve({}),
    deliver: () => Promise.resolve(),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    mailHost: 'nightshift.bench',
    redact: redactor([]),
    prefix: PREFIX,
  });

  async function pair(options: Options): Promise<Pair> {
    const run = await engine.create({ job: 'steps', options, trigger: { kind: 'cli' }, acting: true });
    const outcome = await engine.work(run);
    const measured = pairs.pop();
    if (outcome !== 'succeeded' || measured === undefined) throw new Error(`${run} ended ${outcome}`);
    return measured;
  }

  const figures: Figure[] = [];
  try {
    await pair({ calls: WARM_UP, bytes: 100, effect: 'idempotent' });
    for (const effect of ['read', 'idempotent'] as const) {
      for (const bytes of [100, 1024]) {
        const measured: Pair[] = [];
        for (let i = 0; i < PAIRS; i += 1) measured.push(await pair({ calls: CALLS, bytes, effect }));
        figures.push(figureOf(`${effect}, ${bytes === 100 ? '100 B' : '1 KiB'}`, measured));
      }
    }
  } finally {
    await engine.close();
    yardstick.close();
  }
  return figures;
}

function figureOf(which: string, pairs: readonly Pair[]): Figure {
  const ratios = pairs.map(({ bare, step }) => step / bare);
  const ratio = median(ratios);
  const [step, bare] = [median(pairs.map((pair) => pair.step)), median(pairs.map((pair) => pair.bare))];
  return {
    what: `a journalled step (${which})`,
    figure: `${ratio.toFixed(2)} bare fenced calls`,
    bar: `≤ ${MOST}`,
    met: ratio <= MOST,
    how: `${spread(ratios, { digits: 2 })}, ${CALLS} of each; ${step.toFixed(3)} ms to ${bare.toFixed(3)} ms`,
  };
}

function stepsJob(yardstick: BareCalls, pairs: Pair[]): Job<typeof optionsSchema> {
  return {
    summary: 'Do steps that do nothing but answer',
    options: optionsSchema,
    async run(ctx) {
      const { calls, bytes, effect } = ctx.options;
      const value = 'x'.repeat(bytes);
      const two: number[] = [];
      const step: number[] = [];
      for (let i = 0; i < calls; i += 1) {
        const began = performance.now();
        // A step waits twice. The middle of two waits is more than twice the middle of one, the more so the
        // busier the machine is: like is compared with like.
        await yardstick.call(`answer ${i}`, value);
        await yardstick.call(`again ${i}`, value);
        const turn = performance.now();
        await ctx.step(`answer ${i}`, { effect }, async () => value);
        two.push(turn - began);
        step.push(performance.now() - turn);
      }
      pairs.push({ bare: median(two) / 2, step: median(step) });
    },
  };
}
