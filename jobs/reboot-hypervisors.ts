/**
 * A campaign: which hypervisors need a reboot, in which order, and one after the other in a run of its own.
 * Those whose servers cannot be moved wait in runs that outlive the campaign, so that they hold up nobody.
 *
 * Two counts stop the line. `maxFailed`: hypervisors that were left disabled, because one that does not
 * come back is an incident and two are an outage. `maxGivenBack`: drains that failed and did no harm;
 * one stuck guest must not cost a night, many say that the fault is not the hypervisor's. And before each
 * there is the gate: a signal that stays red starts nothing more tonight.
 */

import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import { longestBack } from '../src/domain/back-within.ts';
import type { Measured } from '../src/domain/bandwidth.ts';
import { ALL_REBOOTS, type BreakerRule } from '../src/domain/breakers.ts';
import { idleClaims } from '../src/domain/claims.ts';
import { PermanentError } from '../src/domain/failure.ts';
import { type Baseline, NOTHING_WRONG } from '../src/domain/gate.ts';
import { whyAllStopped } from '../src/domain/holds.ts';
import type { Life } from '../src/domain/lifetimes.ts';
import type { Admission } from '../src/domain/reboot-gates.ts';
import { type KnownWait, planReboots, type RebootPlan } from '../src/domain/reboot-order.ts';
import {
  describeNight,
  describePlan,
  type Night,
  nightMail,
  type RebootOutcome,
} from '../src/domain/reboot-report.ts';
import { sayList } from '../src/domain/say.ts';
import { wavesOf } from '../src/domain/waves.ts';
import { admissionSettings } from '../src/procedures/admission-settings.ts';
import { assertConfigured } from '../src/procedures/assert-configured.ts';
import { attempt, isCancelled } from '../src/procedures/attempt.ts';
import { WAITS } from '../src/procedures/await-guests.ts';
import { breakCircuit } from '../src/procedures/break.ts';
import { takeBaseline, whyRed } from '../src/procedures/gate.ts';
import { whyOutside } from '../src/procedures/in-window.ts';
import { BANDWIDTH } from '../src/procedures/migrate.ts';
import { readHolds } from '../src/procedures/read-holds.ts';
import { rebootSettings } from '../src/procedures/reboot-settings.ts';
import { recordShadow } from '../src/procedures/record-shadow.ts';
import { LIVES, rememberLives } from '../src/procedures/remember-lives.ts';
import { roomRules } from '../src/procedures/room-settings.ts';
import { survey } from '../src/procedures/survey.ts';

const PLANNER = import.meta.resolve('../src/domain/reboot-order.ts');

const Names = z.union([
  z.array(z.string().min(1)),
  z.string().transform((names) => names.split(',').map((name) => name.trim())),
]);

const Options = z.strictObject({
  limit: z.int().positive().default(5).describe('Reboot at most this many hypervisors in one run'),
  hosts: Names.default([]).describe('Only these hypervisors, by hypervisor hostname; none named means all'),
  maxFailed: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Go on after this many hypervisors that were left disabled'),
  maxGivenBack: z
    .int()
    .nonnegative()
    .default(3)
    .describe('Go on after this many drains that failed without harm'),
  maxWaiting: z
    .int()
    .nonnegative()
    .default(1)
    .describe('So many hypervisors at once may be disabled to wait for servers that cannot be moved'),
  ...admissionSettings,
  breaker: z
    .strictObject({
      failures: z.int().positive().default(3).describe('So many hypervisors left disabled'),
      days: z.number().positive().default(7).describe('within so many days'),
    })
    .prefault({})
    .describe('Stop all campaigns until a person says nightshift reset-breaker; maxFailed does so too'),
  ...rebootSettings,
});

type Ctx = Context<z.output<typeof Options>>;

export default defineJob({
  summary: 'Drain and reboot hypervisors that await a kernel, one at a time',
  options: Options,

  async run(ctx) {
    await ctx.lease('fleet', 'moves servers and reboots hypervisors');
    await assertConfigured(ctx, 'settings');
    if (ctx.acting) await rememberLives(ctx);
    const plan = await makePlan(ctx);
    if (ctx.acting) await workThrough(ctx, plan);
  },
});

/** With why nothing of it is begun, or null, and the claims on what is no hypervisor. */
type Plan = RebootPlan & { readonly stopped: string | null; readonly idle: readonly string[] };

async function makePlan(ctx: Ctx): Promise<Plan> {
  const needs = await survey(ctx);
  const { limit, mbPerSecond, maxWaiting, projects, classes, allow } = ctx.options;
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  const plan = await ctx.step('plan', { effect: 'read' }, async (scope) => {
    const { compute, table } = scope;
    const holds = await readHolds(ctx, scope, ruleOf(ctx));
    const fleet = await ctx.cloud.fleet();
    const waiting = Object.fromEntries(await table(WAITS).all<KnownWait>());
    const lives = Object.fromEntries(await table(LIVES).all<Life>());
    const policy = { projects, classes, allow };
    const measured = Object.fromEntries(await table(BANDWIDTH).all<Measured>());
    const admission = admissionOf(ctx);
    const question = {
      fleet,
      needs,
      armed,
      limit,
      mbPerSecond,
      measured,
      waiting,
      maxWaiting,
      lives,
      policy,
      holds,
      admission,
      room: roomRules(ctx.options),
      self: ctx.options.self ?? ctx.ownServer,
    };
    const names = fleet.hypervisors.map(({ name }) => name);
    const idle = idleClaims(holds.claims, names, holds.now);
    const planned = await compute(PLANNER, planReboots, question);
    return {
      ...planned,
      order: wavesOf(planned.order, ctx.options.parallelEmpty).flat(),
      stopped: whyAllStopped(holds) ?? null,
      idle,
    };
  });
  for (const name of plan.idle)
    ctx.note({ subject: `claim ${name}`, verdict: 'holds nothing', why: `no hypervisor is called ${name}` });
  const { stopped } = plan;
  if (stopped !== null) ctx.note({ subject: `breaker ${ALL_REBOOTS}`, verdict: 'open', why: stopped });
  for (const { name, why } of plan.held) ctx.note({ subject: `hypervisor ${name}`, verdict: 'held', why });
  for (const { name, why } of plan.waits) ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why });
  ctx.report(describePlan(plan, limit));
  await recordShadow(ctx, plan, needs);
  return plan;
}

type Stop = Pick<Night, 'stopped' | 'broken' | 'red' | 'cancelled'>;

async function workThrough(ctx: Ctx, plan: Plan): Promise<void> {
  const outcomes: RebootOutcome[] = [];
  const tell = (how: Stop = {}): Night => {
    const night = { plan, limit: ctx.options.limit, outcomes, at: ctx.now(), ...how };
    ctx.progress(outcomes.length, plan.order.length, 'hypervisors');
    ctx.report(describeNight(night));
    return night;
  };
  const { error, ...how } = await inTurn(ctx, plan, outcomes, tell);

  const mail = nightMail(tell(how));
  if (mail !== undefined && ctx.operators.length > 0)
    await ctx.mail('report', { to: ctx.operators, ...mail });
  if (error !== undefined) throw error;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  if (failed.length > 0) throw new PermanentError(`left disabled for a person: ${failed.join(', ')}`);
}

/** Works through the plan until something stops the line: then says what, with the error of a run that was cancelled. */
async function inTurn(
  ctx: Ctx,
  plan: Plan,
  outcomes: RebootOutcome[],
  tell: () => void,
): Promise<Stop & { readonly error?: Error }> {
  try {
    // Also those that past failures call for are there for people to see.
    if (plan.stopped !== null) {
      await breakCircuit(ctx, 'breakers', { rule: ruleOf(ctx) });
      return { stopped: plan.stopped };
    }
    const baseline = await attempt(async () =>
      plan.order.length === 0 ? NOTHING_WRONG : takeBaseline(ctx, 'baseline'),
    );
    if (!baseline.ok) return { stopped: `nothing started: ${baseline.error.message}`, red: true };
    for (const wave of wavesOf(plan.order, ctx.options.parallelEmpty)) {
      const needMs = Math.max(...wave.map(({ needSeconds }) => needSeconds)) * 1000;
      const first = wave[0]?.name ?? '';
      const stopped = whyStop(ctx, outcomes) ?? (await whyOutside(ctx, `window before ${first}`, needMs));
      if (stopped !== null) return { stopped };
      const { red, waited } = await whyRedBefore(ctx, wave, baseline.value);
      if (red !== null) return { stopped: red, red: true };
      const late = waited ? await whyOutside(ctx, `window before ${first}, after its gate`, needMs) : null;
      if (late !== null) return { stopped: late };
      const broken = await callWave(ctx, { plan, wave, outcomes, tell });
      if (broken !== null) return { stopped: `nothing was rebooted after ${outcomes.at(-1)?.name}`, broken };
    }
    // Last, because each of them takes room away from the others.
    for (const { name, run } of plan.waits)
      if (run === undefined) await ctx.start(...childFor(ctx, name, { wait: true }));
    return {};
  } catch (error) {
    if (isCancelled(error)) return { stopped: error.message, cancelled: true, error };
    throw error;
  }
}

/** The gate before each of a wave; the first that stays red, and whether time has gone by. */
async function whyRedBefore(ctx: Ctx, wave: Plan['order'], baseline: Baseline) {
  let waited = false;
  for (const { name } of wave) {
    const gate = await whyRed(ctx, name, baseline);
    waited ||= gate.waited;
    if (gate.red !== null) return gate;
  }
  return { red: null, waited };
}

/** Those of a wave at once; returns once all have ended, with why nothing more is begun, or null. */
async function callWave(
  ctx: Ctx,
  {
    plan,
    wave,
    outcomes,
    tell,
  }: { plan: Plan; wave: Plan['order']; outcomes: RebootOutcome[]; tell: () => void },
): Promise<string | null> {
  const soon = stillToDrain(plan, outcomes, wave);
  const ended = await Promise.allSettled(wave.map(({ name }) => callFor(ctx, name, soon)));
  let broken: string | null = null;
  for (const one of ended) {
    if (one.status === 'rejected') continue;
    const { name, verdict, why } = one.value;
    outcomes.push(one.value);
    ctx.note({ subject: `hypervisor ${name}`, verdict: verdict === 'failed' ? 'needs you' : verdict, why });
    if (verdict === 'failed')
      broken = await breakCircuit(ctx, `breakers after ${name}`, breaking(ctx, outcomes));
  }
  tell();
  const lost = ended.find((one) => one.status === 'rejected');
  if (lost !== undefined) throw lost.reason as Error;
  const dubious = ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  for (const { name, cancelled, verdict } of dubious)
    if (cancelled || verdict === 'given back') await goOnUnlessCancelled(ctx, name);
  return broken;
}

async function callFor(ctx: Ctx, name: string, soon: readonly string[]): Promise<RebootOutcome> {
  const { id, state, result, notes, error = state } = await ctx.call(...childFor(ctx, name, { soon }));
  if (state === 'succeeded') return { ...(result as Omit<RebootOutcome, 'run'>), run: id };
  const note = notes.find(({ subject }) => subject === `hypervisor ${name}`);
  const why = note?.why ?? error;
  if (state !== 'cancelled') return { name, verdict: 'failed', why, run: id };
  const verdict = note?.verdict === 'needs you' ? 'failed' : 'given back';
  return { name, verdict, why, run: id, cancelled: true };
}

/** A run that was cancelled ends here; one of whose children alone was cancelled goes on. */
async function goOnUnlessCancelled(ctx: Ctx, name: string): Promise<void> {
  await ctx.step(`go on after ${name}`, { effect: 'idempotent', disruptive: true }, async () => {});
}

/** Hypervisors of the plan whose turn comes after this wave: guests that go there would move twice. */
function stillToDrain(plan: Plan, outcomes: readonly RebootOutcome[], wave: Plan['order']): string[] {
  const over = new Set([...outcomes, ...wave].map(({ name }) => name));
  return plan.order.map(({ name }) => name).filter((name) => !over.has(name));
}

/** What is said to a hypervisor's own run: its key, its job and its options. */
function childFor(
  { options }: Ctx,
  hypervisor: string,
  { wait = false, soon = [] }: { wait?: boolean; soon?: readonly string[] },
) {
  const settings = Object.fromEntries(Object.entries(options).filter(([key]) => key in rebootSettings));
  const avoid = [...new Set([...options.avoid, ...soon])];
  return [hypervisor, 'reboot-hypervisor', { hypervisor, wait, gated: !wait, ...settings, avoid }] as const;
}

function ruleOf({ options }: Ctx): BreakerRule {
  return { ...options.breaker, perKernel: options.rings.length > 0 };
}

function admissionOf({ options, window }: Ctx): Admission {
  const { rings, ringDays, budgets, rackPrefixes, outsideWindow } = options;
  const keepsTo = outsideWindow ? undefined : window;
  return {
    rings,
    ringDays,
    budgets,
    rackPrefixes,
    backSeconds: longestBack(options) * 60,
    window: keepsTo,
  };
}

/** What opens a breaker now: past failures by the rule, or those of tonight. */
function breaking(ctx: Ctx, outcomes: readonly RebootOutcome[]) {
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name);
  const { maxFailed } = ctx.options;
  const many = `${sayList(failed)} ${failed.length === 1 ? 'was' : 'were'} left disabled, and maxFailed=${maxFailed}`;
  return { rule: ruleOf(ctx), tonight: failed.length > maxFailed ? many : undefined };
}

function whyStop({ options }: Ctx, outcomes: readonly RebootOutcome[]): string | null {
  const givenBack = outcomes.filter(({ verdict }) => verdict === 'given back').length;
  if (givenBack > options.maxGivenBack) return `${givenBack} drains failed, more than maxGivenBack`;
  return null;
}
