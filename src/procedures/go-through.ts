/** An empty hypervisor's way through its reboot: state noted, updated, rebooted, proved. */
import type { Context, StepScope } from '../context.ts';
import { backWithinOf, type Deadlines } from '../domain/back-within.ts';
import type { Check } from '../domain/proof.ts';
import { noteState } from './ask-state.ts';
import { attempt } from './attempt.ts';
import type { Before } from './look-at.ts';
import { type ProveSettings, prove } from './prove.ts';
import { type RebootSettings, reboot } from './reboot.ts';
import { type UpdateSettings, update } from './update.ts';

export type ThroughSettings = RebootSettings & ProveSettings & UpdateSettings & Deadlines;

export type Through =
  /** It was not rebooted, and is as it was. */
  | { readonly end: 'back'; readonly why: string }
  /** Nobody knows what it is worth. */
  | { readonly end: 'failed'; readonly error: Error }
  | {
      readonly end: 'proved';
      readonly checks: readonly Check[];
      readonly kernel: string;
      /** From the request to reboot until it was proved. */
      readonly bootMs: number;
    };

/**
 * What a guest had is back on the host only now that it is empty, so its devices are noted here. A
 * hypervisor whose state cannot be told, or that would boot into what the site does not want, is not
 * rebooted. `ready`: see `reboot`.
 */
export async function goThrough(
  ctx: Context<ThroughSettings>,
  name: string,
  before: Before,
  ready?: (scope: StepScope) => Promise<string | undefined>,
): Promise<Through> {
  const noted = await attempt(() => noteState(ctx, name));
  if (!noted.ok) return { end: 'back', why: `not rebooted: ${noted.error.message}` };

  const updated = await attempt(() => update(ctx, name, before.next));
  if (!updated.ok) return { end: 'failed', error: updated.error };
  if ('unfit' in updated.value) return { end: 'back', why: `updated, not rebooted: ${updated.value.unfit}` };
  const { next } = updated.value;

  const known = withDeadline(ctx, noted.value.state.model);
  const rebooted = await attempt(() => reboot(known, name, before.bootId, ready));
  if (!rebooted.ok) return { end: 'failed', error: rebooted.error };
  if (!rebooted.value.asked) return { end: 'back', why: `not rebooted: ${rebooted.value.why}` };

  const since = ctx.now().getTime();
  const { bootId, serviceId, agents = [] } = before;
  const expected = { bootId, serviceId, agents, next, ...noted.value };
  const proved = await attempt(() => prove(known, name, expected));
  if (!proved.ok) return { end: 'failed', error: proved.error };
  return { end: 'proved', checks: proved.value, kernel: next, bootMs: ctx.now().getTime() - since };
}

function withDeadline<Settings extends Deadlines>(
  ctx: Context<Settings>,
  model: string | null,
): Context<Settings> {
  return { ...ctx, options: { ...ctx.options, backWithinMinutes: backWithinOf(ctx.options, model) } };
}
