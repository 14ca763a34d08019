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
import { PermanentError } from '../src/domain/failure.ts';
import { type KnownWait, planReboots, type RebootPlan } from '../src/domain/reboot-order.ts';
import {
  describeNight,
  describePlan,
  type Night,
  nightMail,
  type RebootOutcome,
} from '../src/domain/reboot-report.ts';
import { isCancelled } from '../src/procedures/attempt.ts';
import { WAITS } from '../src/procedures/await-guests.ts';
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

async function makePlan(ctx: Ctx): Promise<RebootPlan> {
  const needs = await survey(ctx);
  const { limit, mbPerSecond, maxWaiting, projects, classes, allow } = ctx.options;
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  const plan = await ctx.step('plan', { effect: 'read' }, async (scope) => {
    const { compute, table } = scope;
    const holds = await readHolds(ctx, scope);
    const fleet = await ctx.cloud.fleet();
    const waiting = Object.fromEntries(await table(WAITS).all<KnownWait>());
    const policy = { projects, classes, allow };
    const question = { fleet, needs, armed, limit, mbPerSecond, waiting, maxWaiting, policy, holds };
    return compute(PLANNER, planReboots, question);
  });
  for (const { name, why } of plan.held) ctx.note({ subject: `hypervisor ${name}`, verdict: 'held', why });
  for (const { name, why } of plan.waits) ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why });
  ctx.report(describePlan(plan, limit));
  return plan;
}

type Stop = Pick<Night, 'stopped' | 'cancelled'>;

async function workThrough(ctx: Ctx, plan: RebootPlan): Promise<void> {
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
  plan: RebootPlan,
  outcomes: RebootOutcome[],
  tell: () => void,
): Promise<Stop & { readonly error?: Error }> {
  try {
    for (const { name, drainSeconds } of plan.order) {
      const needMs = drainSeconds * 1000 + ctx.options.backWithinMinutes * 60_000;
      const stopped = whyStop(ctx, outcomes) ?? (await whyOutside(ctx, `window before ${name}`, needMs));
      if (stopped !== null) return { stopped };
      const outcome = await callFor(ctx, name);
      outcomes.push(outcome);
      const verdict = outcome.verdict === 'failed' ? 'needs you' : outcome.verdict;
      ctx.note({ subject: `hypervisor ${name}`, verdict, why: outcome.why });
      tell();
      if (outcome.cancelled || outcome.verdict === 'given back') await goOnUnlessCancelled(ctx, name);
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
  const { limit: _, hosts: __, maxFailed: ___, maxGivenBack: ____, maxWaiting: _____, ...settings } = options;
  return [hypervisor, 'reboot-hypervisor', { hypervisor, wait, ...settings }] as const;
}

function whyStop({ options }: Ctx, outcomes: readonly RebootOutcome[]): string | null {
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed').length;
  const givenBack = outcomes.filter(({ verdict }) => verdict === 'given back').length;
  if (failed > options.maxFailed) return `nothing was rebooted after ${outcomes.at(-1)?.name}`;
  if (givenBack > options.maxGivenBack) return `${givenBack} drains failed, more than maxGivenBack`;
  return null;
}
