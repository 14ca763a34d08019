/** Writes down what a campaign that is not armed would have done tonight. */
import type { Context } from '../context.ts';
import type { RebootNeed } from '../domain/reboot-need.ts';
import { SHADOW, type ShadowPlan, shadowNight } from '../domain/shadow.ts';

const KEPT_NIGHTS = 120;

/**
 * Only where the schedule has started the run: what a person asks for at noon with other options is no
 * night. A dry run may remember what it saw, since that changes nothing but our own table.
 */
export async function recordShadow(
  ctx: Context<unknown>,
  plan: ShadowPlan,
  needs: Readonly<Record<string, RebootNeed>>,
): Promise<void> {
  if (ctx.acting || ctx.trigger.kind !== 'cron') return;
  await ctx.step('record the night', { effect: 'read' }, async ({ table, now }) => {
    const nights = table(SHADOW);
    nights.set(ctx.runId, shadowNight(plan, needs, { run: ctx.runId, at: now().toISOString() }));
    // Ids of runs by schedule sort by their time.
    const runs = [...(await nights.all()).keys()].toSorted();
    for (const run of runs.slice(0, -KEPT_NIGHTS)) nights.delete(run);
  });
}
