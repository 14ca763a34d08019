/** Which hypervisors does tonight's campaign reboot? Asks all of them, reads what is laid down, and says what was decided. */
import type { Measured } from '../domain/bandwidth.ts';
import { ALL_REBOOTS } from '../domain/breakers.ts';
import { idleClaims } from '../domain/claims.ts';
import { whyAllStopped } from '../domain/holds.ts';
import type { Life } from '../domain/lifetimes.ts';
import { type KnownWait, planReboots, type RebootPlan } from '../domain/reboot-order.ts';
import { describePlan } from '../domain/reboot-report.ts';
import { wavesOf } from '../domain/waves.ts';
import { WAITS } from './await-guests.ts';
import { admissionOf, type Campaign, ruleOf } from './campaign-settings.ts';
import { devicesFor } from './cold-places.ts';
import { BANDWIDTH } from './migrate.ts';
import { readHolds } from './read-holds.ts';
import { recordShadow } from './record-shadow.ts';
import { LIVES } from './remember-lives.ts';
import { readReservations } from './reserve.ts';
import { roomRules } from './room-settings.ts';
import { survey } from './survey.ts';
import { noticesOf } from './tell-owners.ts';

const PLANNER = import.meta.resolve('../domain/reboot-order.ts');

/** With why nothing of it is begun, or null, and the claims on what is no hypervisor. */
export type CampaignPlan = RebootPlan & { readonly stopped: string | null; readonly idle: readonly string[] };

/** Changes nothing but what Nightshift remembers. Everything left out is noted with its why. */
export async function planCampaign(ctx: Campaign): Promise<CampaignPlan> {
  const needs = await survey(ctx);
  const { limit, mbPerSecond, maxWaiting, projects, classes, allow, movable, owners } = ctx.options;
  // A job that is not armed at all still shows what it would do.
  const armed = ctx.acting || ctx.armed !== false ? ctx.armed : true;
  const plan = await ctx.step('plan', { effect: 'read' }, async (scope) => {
    const { compute, table } = scope;
    const holds = await readHolds(ctx, scope, ruleOf(ctx));
    const fleet = await ctx.cloud.fleet();
    const waiting = Object.fromEntries(await table(WAITS).all<KnownWait>());
    const lives = Object.fromEntries(await table(LIVES).all<Life>());
    const policy = { projects, classes, allow, movable, owners };
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
      reserved: await readReservations(scope),
      lives,
      policy,
      holds,
      admission,
      notice: await noticesOf(ctx.options, scope),
      devices: await devicesFor(ctx.cloud, fleet.servers, policy),
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
  // Who waits already says more of it than a plan can.
  for (const { name, why, run } of plan.waits)
    if (run === undefined) ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why });
  ctx.report(describePlan(plan, limit));
  await recordShadow(ctx, plan, needs);
  return plan;
}
