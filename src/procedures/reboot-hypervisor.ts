/** One hypervisor's way through the night: look, cordon, drain, reboot, prove, give back. */
import type { Context } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import type { RebootOutcome } from '../domain/reboot-report.ts';
import { sayDuration } from '../domain/say.ts';
import { attempt, isCancelled } from './attempt.ts';
import { cordon, giveBack, type Moved } from './cordon.ts';
import { drain } from './drain.ts';
import { type Before, type LookSettings, lookAt } from './look-at.ts';
import type { MigrateSettings } from './migrate.ts';
import { type ProveSettings, prove } from './prove.ts';
import { type RebootSettings, reboot } from './reboot.ts';

type Settings = LookSettings & MigrateSettings & RebootSettings & ProveSettings;

/** With the error that ends the run: a failed step, from which it can be resumed, or the cancellation. */
export interface Ended extends RebootOutcome {
  readonly error?: Error;
}

/**
 * Ends in a state that people can live with. A drain that fails with every guest whole gives the
 * hypervisor back at once. From the request to reboot on, whatever fails leaves it disabled for a
 * person. A cancelled run gives back what is whole; its error is the outcome's.
 */
export async function rebootHypervisor(ctx: Context<Settings>, name: string): Promise<Ended> {
  try {
    await ctx.lease(`hypervisor ${name}`, 'drains and reboots it');
    const ended = await attend(ctx, name);
    if (ended.verdict !== 'failed') await ctx.release(`hypervisor ${name}`);
    return ended;
  } catch (error) {
    if (isCancelled(error)) return { name, verdict: 'held', why: error.message, error };
    throw error;
  }
}

async function attend(ctx: Context<Settings>, name: string): Promise<Ended> {
  const look = await attempt(() => lookAt(ctx, name));
  if (!look.ok) return { name, verdict: 'held', why: `it cannot be looked at: ${look.error.message}` };
  if (!look.value.go) return { name, verdict: look.value.verdict, why: look.value.why };

  const cordoned = await attempt(() => cordon(ctx, name));
  if (!cordoned.ok) return retreat(ctx, name, { why: cordoned.error.message, moved: [] });
  if (!cordoned.value.ours) return { name, verdict: 'held', why: cordoned.value.why };
  return empty(ctx, name, look.value.before);
}

async function empty(ctx: Context<Settings>, name: string, before: Before): Promise<Ended> {
  const since = ctx.now().getTime();
  let moved: readonly Moved[] = [];
  try {
    const drained = await drain(ctx, name);
    moved = drained.moved;
    if (drained.stuck !== undefined) return await retreat(ctx, name, { why: drained.stuck, moved });
    const drainMs = moved.length === 0 ? 0 : ctx.now().getTime() - since;

    const rebooted = await attempt(() => reboot(ctx, name, before.bootId));
    if (!rebooted.ok) return failed(name, rebooted.error);
    if (!rebooted.value.asked)
      return await retreat(ctx, name, { why: `not rebooted: ${rebooted.value.why}`, moved });
    return await comeBack(ctx, name, { before, drainMs });
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return { ...(await retreat(ctx, name, { why: error.message, moved })), error };
  }
}

async function comeBack(
  ctx: Context<Settings>,
  name: string,
  { before, drainMs }: { before: Before; drainMs: number },
): Promise<Ended> {
  const since = ctx.now().getTime();
  const proved = await attempt(() => prove(ctx, name, before));
  if (!proved.ok) return failed(name, proved.error);
  const why = `rebooted in ${sayDuration(ctx.now().getTime() - since)}, ${before.next}, ${proved.value.length} of ${proved.value.length} checks`;
  const back = await attempt(() => giveBack(ctx, name));
  if (!back.ok) return failed(name, back.error);
  const left = back.value.to === 'service' ? '' : `; ${back.value.why}`;
  return { name, verdict: 'done', why: why + left, drainMs };
}

/** Nothing was rebooted: the hypervisor serves as before, unless a guest is not whole. */
async function retreat(
  ctx: Context<Settings>,
  name: string,
  { why, moved }: { why: string; moved: readonly Moved[] },
): Promise<Ended> {
  const back = await attempt(() => giveBack(ctx, name, moved));
  if (!back.ok) return failed(name, back.error, why);
  const left = back.value.to === 'service' ? '' : `; ${back.value.why}`;
  return { name, verdict: 'given back', why: why + left };
}

function failed(name: string, error: Error, before?: string): Ended {
  const why = before === undefined ? messageOf(error) : `${before}; ${messageOf(error)}`;
  return { name, verdict: 'failed', why, error };
}
