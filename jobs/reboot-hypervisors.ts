/**
 * A campaign: which hypervisors need a reboot, in which order, and one after the other in a run of its own.
 * Those whose servers cannot be moved wait in runs that outlive the campaign, so that they hold up nobody.
 *
 * Two counts stop the line. `maxFailed`: hypervisors that were left disabled, because one that does not
 * come back is an incident and two are an outage. `maxGivenBack`: drains that failed and did no harm;
 * one stuck guest must not cost a night, many say that the fault is not the hypervisor's.
 */
import { z } from 'zod';
import { type Context, defineJob } from '../src/context.ts';
import { ALL_REBOOTS, type BreakerRule } from '../src/domain/breakers.ts';
import { idleClaims } from '../src/domain/claims.ts';
import { PermanentError } from '../src/domain/failure.ts';
import { whyAllStopped } from '../src/domain/holds.ts';
import { type KnownWait, planReboots, type RebootPlan } from '../src/domain/reboot-order.ts';
import {
  describeNight,
  describePlan,
  type Night,
  nightMail,
  type RebootOutcome,
} from '../src/domain/reboot-report.ts';
import { sayList } from '../src/domain/say.ts';
import { isCancelled } from '../src/procedures/attempt.ts';
import { WAITS } from '../src/procedures/await-guests.ts';
import { breakCircuit } from '../src/procedures/break.ts';
import { whyOutside } from '../src/procedures/in-window.ts';
import { readHolds } from '../src/procedures/read-holds.ts';
import { rebootSettings } from '../src/procedures/reboot-settings.ts';
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
    const policy = { projects, classes, allow };
    const question = { fleet, needs, armed, limit, mbPerSecond, waiting, maxWaiting, policy, holds };
    const names = fleet.hypervisors.map(({ name }) => name);
    const idle = idleClaims(holds.claims, names, holds.now);
    return {
      ...(await compute(PLANNER, planReboots, question)),
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
  return plan;
}

type Stop = Pick<Night, 'stopped' | 'cancelled'>;

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
    for (const { name, drainSeconds } of plan.order) {
      const needMs = drainSeconds * 1000 + ctx.options.backWithinMinutes * 60_000;
      const stopped = whyStop(ctx, outcomes) ?? (await whyOutside(ctx, `window before ${name}`, needMs));
      if (stopped !== null) return { stopped };
      const outcome = await callFor(ctx, name);
      outcomes.push(outcome);
      const verdict = outcome.verdict === 'failed' ? 'needs you' : outcome.verdict;
      ctx.note({ subject: `hypervisor ${name}`, verdict, why: outcome.why });
      tell();
      const broken =
        outcome.verdict === 'failed'
          ? await breakCircuit(ctx, `breakers after ${name}`, breaking(ctx, outcomes))
          : null;
      if (outcome.cancelled || outcome.verdict === 'given back') await goOnUnlessCancelled(ctx, name);
      if (broken !== null) return { stopped: `nothing was rebooted after ${name}; ${broken}` };
    }
    // Last, because each of them takes room away from the others.
    for (const { name, run } of plan.waits)
      if (run === undefined) await ctx.start(...childFor(ctx, name, true));
    return {};
  } catch (error) {
    if (isCancelled(error)) return { stopped: error.message, cancelled: true, error };
    throw error;
  }
}

async function callFor(ctx: Ctx, name: string): Promise<RebootOutcome> {
  const { id, state, result, notes, error = state } = await ctx.call(...childFor(ctx, name, false));
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

/** What is said to a hypervisor's own run: its key, its job and its options. */
function childFor({ options }: Ctx, hypervisor: string, wait: boolean) {
  const settings = Object.fromEntries(Object.entries(options).filter(([key]) => key in rebootSettings));
  return [hypervisor, 'reboot-hypervisor', { hypervisor, wait, ...settings }] as const;
}

function ruleOf({ options }: Ctx): BreakerRule {
  return { ...options.breaker, perKernel: false };
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
