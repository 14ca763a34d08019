/** A night that empties hypervisors: asked for where that is wanted, told to owners, moved, kept, and summed up. */
import {
  describeEmptied,
  describeMoves,
  type EmptiedNight,
  emptiedMail,
} from '../domain/defragment-report.ts';
import { PermanentError } from '../domain/failure.ts';
import { type Baseline, NOTHING_WRONG } from '../domain/gate.ts';
import { sayList } from '../domain/say.ts';
import { attempt, isCancelled } from './attempt.ts';
import type { Defragmenting } from './defragment-settings.ts';
import { Emptied } from './emptied.ts';
import { takeBaseline } from './gate.ts';
import { keepEmptied } from './keep-emptied.ts';
import { type NightPlan, planDefragmentation } from './plan-defragmentation.ts';
import { beginReserving, endReserving } from './reserve.ts';
import { announceMoves } from './tell-owners-of-plan.ts';
import type { Stop } from './work-plan.ts';
import { workPlans } from './work-plans.ts';

const FLEET = ['fleet', 'moves servers and reboots hypervisors'] as const;

/** Throws when the run was cancelled, and when a hypervisor was left disabled for a person. */
export async function defragment(ctx: Defragmenting): Promise<void> {
  await ctx.lease(...FLEET);
  const plan = await planDefragmentation(ctx);
  if (!ctx.acting || plan.stopped !== null || !changesAnything(plan)) return;
  const refused = await whyRefused(ctx, plan);
  if (refused !== null) {
    ctx.report({ ...describeMoves(plan), lines: [`stopped  ${refused}`] });
    return;
  }
  const moving = new Set(plan.plan.waves.flat().map(({ server }) => server));
  if (moving.size > 0) await announceMoves(ctx, ({ id }) => moving.has(id));
  await work(ctx, plan);
}

function changesAnything({ plan, aim, emptyNow }: NightPlan): boolean {
  return plan.moves > 0 || (aim.worth !== null && emptyNow.length > 0);
}

/** While it is asked nobody else is kept from the fleet; what has changed since is seen before moves begin. */
async function whyRefused(ctx: Defragmenting, { plan, emptying }: NightPlan): Promise<string | null> {
  const { approval } = ctx.options;
  if (approval === undefined || plan.moves === 0) return null;
  await ctx.release(FLEET[0]);
  const asked = await ctx.approval('moves', {
    question: `May ${plan.moves} servers be moved, to empty ${sayList(
      emptying.map(({ name }) => name),
      12,
    )}?`,
    withinMs: approval.hours * 3_600_000,
    otherwise: 'no',
  });
  if (asked.answer === 'no') return `${asked.by} said no: ${asked.why}`;
  await ctx.lease(...FLEET);
  return null;
}

type End = Stop & { readonly error?: Error };

async function work(ctx: Defragmenting, plan: NightPlan): Promise<void> {
  const night = new Emptied();
  const { error, ...stop } = await workAll(ctx, plan, night);
  const { emptied, kept } = await keepEmptied(ctx, plan, { night, cancelled: error !== undefined });
  await endReserving(ctx, ctx.runId);
  night.tell(ctx);
  const { until } = plan;
  const how = { ...stop, ...(error !== undefined && { cancelled: true as const }) };
  const sum = night.sum({ planned: plan.plan.moves, emptied, kept, until, at: ctx.now(), ...how });
  await tell(ctx, sum);
  if (error !== undefined) throw error;
  const [first] = sum.needYou;
  if (first !== undefined)
    throw new PermanentError(`left disabled for a person: ${sayList(sum.needYou.map(({ name }) => name))}`);
}

async function workAll(ctx: Defragmenting, plan: NightPlan, night: Emptied): Promise<End> {
  try {
    await beginReserving(ctx, plan.until);
    const baseline = await attempt<Baseline>(async () =>
      plan.plan.moves === 0 ? NOTHING_WRONG : takeBaseline(ctx, 'baseline'),
    );
    if (!baseline.ok) return { stopped: `nothing started: ${baseline.error.message}`, red: true };
    return await workPlans(ctx, plan, { night, baseline: baseline.value });
  } catch (error) {
    if (isCancelled(error)) return { stopped: error.message, error };
    throw error;
  }
}

async function tell(ctx: Defragmenting, night: EmptiedNight): Promise<void> {
  ctx.report(describeEmptied(night));
  const mail = emptiedMail(night);
  if (mail !== undefined && ctx.operators.length > 0)
    await ctx.mail('report', { to: ctx.operators, ...mail });
}
