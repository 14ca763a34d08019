/** Moves servers by one plan after the other, until one is done or something stops the line. */
import type { Baseline } from '../domain/gate.ts';
import { attempt } from './attempt.ts';
import type { Defragmenting } from './defragment-settings.ts';
import type { Emptied } from './emptied.ts';
import { type NightPlan, planAgain } from './plan-defragmentation.ts';
import { endReservation } from './reserve.ts';
import { type Stop, type Working, workPlan } from './work-plan.ts';

/** The world changes under a plan; one that has to be made so often is a matter for a person. */
const MOST_PLANS = 6;

/** Adds to `night` what becomes of each server and hypervisor. Throws when the run is cancelled. */
export async function workPlans(
  ctx: Defragmenting,
  first: NightPlan,
  { night, baseline }: { readonly night: Emptied; readonly baseline: Baseline },
): Promise<Stop> {
  let plan = first;
  for (let round = 1; ; round += 1) {
    const { anew, ...stop } = await workUntilDone(ctx, { plan, round, night, baseline });
    if (anew === undefined) return stop;
    if (round === MOST_PLANS) return { stopped: `planned ${MOST_PLANS} times, and ${anew}` };
    ctx.log.info('what is left is planned anew', { why: anew });
    const again = await attempt(() =>
      planAgain(ctx, {
        round: round + 1,
        before: first,
        movesLeft: Math.max(0, ctx.options.maxMoves - night.asked),
        spoilt: [...night.spoilt.keys()],
        stay: Object.fromEntries([...night.failed].map(([id, { why }]) => [id, why])),
      }),
    );
    if (!again.ok) return { stopped: `it cannot be planned anew: ${again.error.message}` };
    plan = again.value;
    await giveUp(ctx, { night, plan, why: anew });
    if (plan.stopped !== null) return { stopped: plan.stopped };
    if (plan.plan.moves === 0) return {};
  }
}

async function workUntilDone(ctx: Defragmenting, working: Working): ReturnType<typeof workPlan> {
  const end = await workPlan(ctx, working);
  if (end.anew !== undefined || end.stopped !== undefined) return end;
  const late = await lookForLate(ctx, working);
  return late === null ? {} : { anew: late };
}

/** Servers that came before their hypervisor was closed; null when there are none. */
async function lookForLate(ctx: Defragmenting, { plan, round, night }: Working): Promise<string | null> {
  if (plan.plan.moves === 0) return null;
  const looked = await attempt(() =>
    ctx.step(`look after plan ${round}`, { effect: 'read' }, async () => {
      const { servers } = await ctx.cloud.fleet();
      const late = servers.find((one) => night.closed.has(one.hypervisor) && night.isInTheWay(ctx, one));
      return late === undefined ? null : `${late.name} came to ${late.hypervisor} before it was closed`;
    }),
  );
  return looked.ok ? looked.value : null;
}

/** What a new plan does not empty any more serves again at once. */
async function giveUp(
  ctx: Defragmenting,
  { night, plan, why }: { night: Emptied; plan: NightPlan; why: string },
): Promise<void> {
  const wanted = new Set([...plan.plan.emptied, ...plan.emptyNow]);
  for (const name of [...night.closed].filter((each) => !wanted.has(each))) {
    const ended = await endReservation(ctx, name, { run: ctx.runId, moved: night.movedOff(name) });
    night.giveBack(ctx, name, { ended, why });
  }
}
