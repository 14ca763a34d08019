/** The gate before a hypervisor: all its signals are asked at once, and a red one is waited for, but not for long. */
import { z } from 'zod';
import type { Context, StepScope } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import {
  type Baseline,
  baselineOf,
  judgeGate,
  NOTHING_WRONG,
  type Readings,
  type Signal,
  sayRed,
  type Unanswered,
} from '../domain/gate.ts';
import { fillFor } from '../domain/hold-off.ts';
import { sayDuration } from '../domain/say.ts';
import { Argv, Matchers, Template, uniqueNames } from './site-shapes.ts';

const Word = z.string().min(1);
const Count = z.union([z.int().nonnegative(), z.literal(false)], { error: 'is a number, or false' });

const Query = z
  .strictObject({
    name: Word,
    query: Word.describe(
      'Instant query; each of its series must be inside the bounds, and there must be one',
    ),
    below: z.number().optional().describe('Green while the value is below this'),
    above: z.number().optional().describe('Green while the value is above this'),
  })
  .refine(({ below, above }) => below !== undefined || above !== undefined, {
    error: 'has neither `below` nor `above`',
  });

const Command = z.strictObject({
  name: Word,
  run: Argv.describe('Words of a command; exit 0 is green, and its last line is what people read'),
  on: Template.describe('The host on which it runs'),
  withinSeconds: z.number().positive().default(30),
});

export const gateSettings = z
  .strictObject({
    errorServers: Count.default(0).describe(
      'So many servers more in ERROR than at the beginning; false: any',
    ),
    services: Count.default(0).describe(
      'So many services of Nova and agents of Neutron more down than at the beginning; false: any',
    ),
    apiSeconds: z
      .union([z.number().positive(), z.literal(false)], { error: 'is a number of seconds, or false' })
      .default(10)
      .describe('Nova and Neutron answer within so many seconds; false: whenever it does'),
    prometheus: z
      .array(Query)
      .superRefine(uniqueNames)
      .default([])
      .describe('Queries to the Prometheus of the site'),
    commands: z.array(Command).superRefine(uniqueNames).default([]).describe('Commands of the site'),
    alerts: z.strictObject({ matchers: Matchers }).optional().describe('No alert fires that matches these'),
    patienceMinutes: z.number().nonnegative().default(10).describe('A red signal is waited for so long'),
  })
  .prefault({})
  .describe(
    'Signals before each hypervisor, as { errorServers: 0, services: 0, apiSeconds: 10, prometheus: [{ name, query, below }], commands: [{ name, run: [word, …], on }], alerts: { matchers }, patienceMinutes: 10 }',
  );

export interface GateSettings {
  readonly gate: z.output<typeof gateSettings>;
}

/** Nova waits 60 s for a cell that is silent. */
const NOVA_MS = 90_000;
const MONITORING_MS = 30_000;
const AGAIN_MS = 30_000;

/** What is wrong now and shall not be held against the night. `key` is the step's. */
export async function takeBaseline(ctx: Context<GateSettings>, key: string): Promise<Baseline> {
  if (!asksHealth(ctx)) return NOTHING_WRONG;
  return ctx.step<Baseline>(key, { effect: 'read' }, async () => baselineOf(await ctx.cloud.health()));
}

/**
 * Why nothing is begun: every signal that was still red when patience was over. Null when all are green, at once or
 * within `patienceMinutes`, for which the run is parked. `waited` then says that time has gone by. `key` is the
 * step's, where a hypervisor has several gates.
 */
export async function whyRed(
  ctx: Context<GateSettings>,
  name: string,
  baseline: Baseline,
  key = `gate before ${name}`,
): Promise<{ readonly red: string | null; readonly waited: boolean }> {
  if (!asksAnything(ctx)) return { red: null, waited: false };
  const options = { effect: 'read', timeoutMs: 10 * 60_000 } as const;
  const first = sayRed(await ctx.step(key, options, async (scope) => look(ctx, name, { baseline, scope })));
  if (first === undefined) return { red: null, waited: false };

  ctx.note({ subject: key, verdict: 'red', why: first });
  const since = ctx.now().getTime();
  const last = sayRed(await lookAgain(ctx, name, { baseline, first, key }));
  if (last !== undefined) {
    ctx.note({ subject: key, verdict: 'red', why: last });
    return { red: `nothing started: ${last}`, waited: true };
  }
  const took = sayDuration(ctx.now().getTime() - since);
  ctx.note({ subject: key, verdict: 'green', why: `after ${took}; before, ${first}` });
  return { red: null, waited: true };
}

/** The signals once all of them are green, or as they are when patience is over. */
async function lookAgain(
  ctx: Context<GateSettings>,
  name: string,
  { baseline, first, key }: { baseline: Baseline; first: string; key: string },
): Promise<readonly Signal[]> {
  const patienceMs = ctx.options.gate.patienceMinutes * 60_000;
  const everyMs = Math.max(1, Math.min(AGAIN_MS, patienceMs));
  // The look itself notices that patience is over, and then says what it saw.
  const wait = { why: `a green gate: ${first}`, withinMs: patienceMs + 60 * 60_000, everyMs };
  return ctx.waitUntil(`${key}, again`, wait, async (scope) => {
    const signals = await look(ctx, name, { baseline, scope });
    const isOver = scope.now().getTime() - scope.since.getTime() >= patienceMs;
    return isOver || sayRed(signals) === undefined ? signals : undefined;
  });
}

interface Asking {
  readonly baseline: Baseline;
  readonly scope: StepScope;
}

async function look(
  ctx: Context<GateSettings>,
  name: string,
  { baseline, scope }: Asking,
): Promise<readonly Signal[]> {
  const { gate } = ctx.options;
  const [cloud, queries, commands, alerts] = await Promise.all([
    asksHealth(ctx) ? askCloud(ctx, scope.signal) : undefined,
    Promise.all(
      gate.prometheus.map(async ({ name, query, ...bounds }) => {
        const answer = await within(MONITORING_MS, scope.signal, () =>
          needed(ctx.prometheus, 'prometheus').query(query),
        );
        return { name, bounds, answer };
      }),
    ),
    Promise.all(
      gate.commands.map(async ({ name: signal, run, on, withinSeconds }) => {
        const argv = run.map((word) => fillFor(word, name));
        const host = ctx.host(fillFor(on, name));
        const timeoutMs = withinSeconds * 1000;
        const answer = await within(timeoutMs, scope.signal, (signal) =>
          host.run(argv, { timeoutMs, signal }),
        );
        return { name: signal, answer };
      }),
    ),
    askAlerts(ctx, scope.signal),
  ]);
  const readings: Readings = {
    ...(cloud === undefined ? {} : { cloud }),
    queries,
    commands,
    ...(alerts === undefined ? {} : { alerts }),
  };
  return judgeGate(readings, gate, baseline);
}

function askCloud({ cloud }: Context<GateSettings>, signal: AbortSignal) {
  const began = performance.now();
  return within(NOVA_MS, signal, async () => {
    const health = await cloud.health();
    return { health, tookMs: performance.now() - began };
  });
}

async function askAlerts({ options, alertmanager }: Context<GateSettings>, signal: AbortSignal) {
  const { alerts } = options.gate;
  if (alerts === undefined) return undefined;
  return within(MONITORING_MS, signal, () => needed(alertmanager, 'alertmanager').alerts(alerts.matchers));
}

/** What `ask` gives, or why it gave nothing within its time. */
async function within<T>(
  ms: number,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T | Unanswered> {
  const late = Promise.withResolvers<Unanswered>();
  const timer = setTimeout(() => late.resolve({ trouble: `no answer within ${ms / 1000} s` }), ms);
  try {
    return await Promise.race([ask(signal), late.promise]);
  } catch (error) {
    signal.throwIfAborted();
    return { trouble: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

function needed<T>(client: T | undefined, key: string): T {
  if (client === undefined) throw new Error(`\`${key}\` is not configured`);
  return client;
}

function asksHealth({ options: { gate } }: Context<GateSettings>): boolean {
  return gate.errorServers !== false || gate.services !== false || gate.apiSeconds !== false;
}

function asksAnything(ctx: Context<GateSettings>): boolean {
  const { prometheus, commands, alerts } = ctx.options.gate;
  return asksHealth(ctx) || prometheus.length > 0 || commands.length > 0 || alerts !== undefined;
}
