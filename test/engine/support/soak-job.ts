/** A job made of whatever a run may do, told act by act: what the soak kills, and what it expects of it. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Effect, EngineContext, Job, StepScope } from '../../../src/engine/job.ts';

const ACTS = [
  'read',
  'idempotent',
  'verify',
  'once',
  'pair',
  'count',
  'mail',
  'lease',
  'slot',
  'sleep',
  'poll',
  'ask',
  'call',
  'start',
] as const;
export type Act = (typeof ACTS)[number];

export const soakOptions = z.strictObject({
  acts: z.array(z.enum(ACTS)),
  /** How long each effect takes; it is seen in the middle of its time. */
  stepMs: z.int(),
  /** Which lease and which slot it wants. */
  place: z.string(),
});
export type SoakOptions = z.output<typeof soakOptions>;

/** Where what happens is seen, outside Redis and in files that any process may add to. */
export interface SoakWorld {
  readonly effects: string;
  readonly mails: string;
  /** Runs that a living process lost, because it was too slow for its lease. */
  readonly losses: string;
}

/** What each child of a run does. */
const CHILD_ACTS: readonly Act[] = ['idempotent', 'sleep', 'verify', 'once', 'count'];
const MAIL = { to: ['ops@test'], subject: 'Soak', text: 'It was its turn.' };

/** Adds a line that is on disk when this returns. */
export function addLine(file: string, line: string): void {
  const fd = openSync(file, 'a');
  try {
    writeSync(fd, `${line}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

type Context = EngineContext<SoakOptions>;

export function soakJob(world: SoakWorld): Job<typeof soakOptions> {
  async function effect(ctx: Context, kind: Effect, key: string, more?: (scope: StepScope) => Promise<void>) {
    const step = `${kind} ${key}`;
    const verify = async () =>
      readFileSync(world.effects, 'utf8').includes(` ${ctx.runId} ${step}\n`)
        ? ({ happened: 'yes', value: undefined } as const)
        : ({ happened: 'no' } as const);
    const asked = kind === 'verify' ? { verify } : {};
    await ctx.step(step, { effect: kind, ...asked }, async (scope) => {
      const half = ctx.options.stepMs / 2;
      await sleep(half, undefined, { signal: scope.signal });
      addLine(world.effects, `${process.pid} ${Date.now()} ${ctx.runId} ${step}`);
      await sleep(half, undefined, { signal: scope.signal });
      await more?.(scope);
    });
  }

  const child = (ctx: Context): SoakOptions => ({ ...ctx.options, acts: [...CHILD_ACTS] });
  const acts: Record<Act, (ctx: Context, i: number) => Promise<unknown>> = {
    read: (ctx, i) => effect(ctx, 'read', `${i}`),
    idempotent: (ctx, i) => effect(ctx, 'idempotent', `${i}`),
    verify: (ctx, i) => effect(ctx, 'verify', `${i}`),
    once: (ctx, i) => effect(ctx, 'once', `${i}`),
    pair: (ctx, i) => Promise.all([effect(ctx, 'idempotent', `${i}a`), effect(ctx, 'once', `${i}b`)]),
    count: (ctx, i) =>
      effect(ctx, 'idempotent', `${i}`, async (scope) => {
        const counts = scope.table('counts');
        counts.set(ctx.runId, ((await counts.get<number>(ctx.runId)) ?? 0) + 1);
        scope.mail(`count ${i}`, MAIL);
      }),
    mail: (ctx, i) => ctx.mail(`${i}`, MAIL),
    lease: async (ctx, i) => {
      await ctx.lease(ctx.options.place, 'holds it');
      await effect(ctx, 'verify', `${i} in ${ctx.options.place}`);
      await effect(ctx, 'once', `${i} in ${ctx.options.place}`);
      await ctx.release(ctx.options.place);
    },
    slot: async (ctx, i) => {
      await ctx.slot(ctx.options.place, 1, 'stands there');
      await effect(ctx, 'read', `${i} placed`);
      await effect(ctx, 'idempotent', `${i} placed`);
    },
    sleep: (ctx, i) => ctx.sleep(`sleep ${i}`, 300),
    poll: (ctx, i) =>
      ctx.waitUntil(
        `poll ${i}`,
        { why: 'its third look', withinMs: 600_000, everyMs: 60 },
        async ({ since }) => (Date.now() - since.getTime() > 150 ? true : undefined),
      ),
    ask: (ctx, i) => ctx.approval(`${i}`, { question: 'Well?', withinMs: 200, otherwise: 'yes' }),
    call: async (ctx, i) => {
      const end = await ctx.call(`c${i}`, 'soak', child(ctx));
      if (end.state !== 'succeeded') throw new Error(`the child ${end.id} is ${end.state}`);
    },
    start: (ctx, i) => ctx.start(`s${i}`, 'soak', child(ctx)),
  };

  return {
    summary: 'Do what it is told, act by act',
    options: soakOptions,
    async run(ctx) {
      for (const [i, act] of ctx.options.acts.entries()) await acts[act](ctx, i);
    },
  };
}

/** What a run of these acts leaves behind when all went well: steps with an effect, mails, counts, children. */
export interface Expected {
  readonly steps: readonly string[];
  /** Keys of its mails. */
  readonly mails: readonly string[];
  readonly counts: number;
  /** Ids of its children, each of which does `CHILD_ACTS`. */
  readonly children: readonly string[];
}

const STEPS: Partial<Record<Act, (i: number, place: string) => string[]>> = {
  read: (i) => [`read ${i}`],
  idempotent: (i) => [`idempotent ${i}`],
  verify: (i) => [`verify ${i}`],
  once: (i) => [`once ${i}`],
  pair: (i) => [`idempotent ${i}a`, `once ${i}b`],
  count: (i) => [`idempotent ${i}`],
  lease: (i, place) => [`verify ${i} in ${place}`, `once ${i} in ${place}`],
  slot: (i) => [`read ${i} placed`, `idempotent ${i} placed`],
};

export function expectedOf(run: string, { acts, place }: Pick<SoakOptions, 'acts' | 'place'>): Expected {
  const at = (...wanted: Act[]): number[] => acts.flatMap((act, i) => (wanted.includes(act) ? i : []));
  return {
    steps: acts.flatMap((act, i) => STEPS[act]?.(i, place) ?? []),
    mails: [...at('mail').map((i) => `${i}`), ...at('count').map((i) => `count ${i}`)],
    counts: at('count').length,
    children: [...at('call').map((i) => `${run}~c${i}`), ...at('start').map((i) => `${run}~s${i}`)],
  };
}

export function expectedOfChild(run: string): Expected {
  return expectedOf(run, { acts: [...CHILD_ACTS], place: '' });
}
