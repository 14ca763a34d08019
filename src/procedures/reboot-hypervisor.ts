/** One hypervisor's way through the night: look, cordon, drain, reboot, prove, give back. */
import type { Context } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import type { RebootOutcome } from '../domain/reboot-report.ts';
import { sayDuration } from '../domain/say.ts';
import { attempt, isCancelled } from './attempt.ts';
import { awaitGuests, type WaitSettings } from './await-guests.ts';
import { cordon, giveBack, type Moved } from './cordon.ts';
import { drain } from './drain.ts';
import { awaitWindow, type WindowSettings } from './in-window.ts';
import { type Before, type LastLook, type LookSettings, lookAt } from './look-at.ts';
import type { MigrateSettings } from './migrate.ts';
import { type ProveSettings, prove } from './prove.ts';
import { type RebootSettings, reboot } from './reboot.ts';
import { memorable, remember } from './remember.ts';

export type Settings = LookSettings &
  MigrateSettings &
  RebootSettings &
  ProveSettings &
  WaitSettings &
  WindowSettings & {
    /** Wait with the hypervisor out of service for servers that cannot be moved. */
    readonly wait: boolean;
  };

/** With the error that ends the run: a failed step, from which it can be resumed, or the cancellation. */
export interface Ended extends Omit<RebootOutcome, 'run'> {
  /** From the request to reboot until it was proved, where it was. */
  readonly bootMs?: number;
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
    return await attend(ctx, name);
  } catch (error) {
    if (isCancelled(error)) return { name, verdict: 'held', why: error.message, error };
    throw error;
  }
}

async function attend(ctx: Context<Settings>, name: string): Promise<Ended> {
  const look = await lookBefore(ctx, name, `look at ${name}`);
  if (!('go' in look)) return look;
  if (look.go === 'waits' && !ctx.options.wait) return { name, verdict: 'held', why: look.why };

  if (look.go !== 'waits') await takeTurn(ctx);
  const cordoned = await attempt(() => cordon(ctx, name));
  if (!cordoned.ok) return retreat(ctx, name, { why: cordoned.error.message, moved: [] });
  if (!cordoned.value.ours) return { name, verdict: 'held', why: cordoned.value.why };
  if (look.go !== 'waits') return empty(ctx, name, look.before);
  return waitFirst(ctx, name, look.why);
}

/** Hypervisors are drained and rebooted one after the other, whichever run does it; what waits gives its turn up. */
function takeTurn(ctx: Context<Settings>): Promise<void> {
  return ctx.slot('drain and reboot', 1, 'one hypervisor at a time');
}

/** The look, unless it says that there is nothing to be done: then how it ended. */
async function lookBefore(
  ctx: Context<Settings>,
  name: string,
  key: string,
): Promise<Ended | Exclude<LastLook, { go: false }>> {
  const look = await attempt(() => lookAt(ctx, name, key));
  if (!look.ok) return { name, verdict: 'held', why: `it cannot be looked at: ${look.error.message}` };
  if (look.value.go === false) return { name, verdict: look.value.verdict, why: look.value.why };
  return look.value;
}

/** The hypervisor is disabled, so that what ends is not replaced; the wait may last for days. */
async function waitFirst(ctx: Context<Settings>, name: string, pinned: string): Promise<Ended> {
  try {
    const inVain = await awaitGuests(ctx, name, pinned);
    if (inVain !== undefined) return await retreat(ctx, name, { why: inVain, moved: [] });
    await awaitWindow(ctx, `window for ${name}`, ctx.options.backWithinMinutes * 60_000);
    await takeTurn(ctx);
    const look = await lookBefore(ctx, name, `look at ${name} after the wait`);
    if ('go' in look && look.go === true) return await empty(ctx, name, look.before);
    return await retreat(ctx, name, { why: look.why, moved: [] });
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return { ...(await retreat(ctx, name, { why: error.message, moved: [] })), error };
  }
}

/** As `drainAndReboot`, and remembers how it ended. */
async function empty(ctx: Context<Settings>, name: string, before: Before): Promise<Ended> {
  const ended = await drainAndReboot(ctx, name, before);
  await remember(ctx, name, memorable(ended, before));
  return ended;
}

async function drainAndReboot(ctx: Context<Settings>, name: string, before: Before): Promise<Ended> {
  const since = ctx.now().getTime();
  const touched = new Map<string, Moved>();
  const back = (why: string) => retreat(ctx, name, { why, moved: [...touched.values()] });
  try {
    const stuck = await drain(ctx, name, touched);
    if (stuck !== undefined) return await back(stuck);
    const drainMs = touched.size === 0 ? 0 : ctx.now().getTime() - since;

    const rebooted = await attempt(() => reboot(ctx, name, before.bootId));
    if (!rebooted.ok) return failed(name, rebooted.error);
    if (!rebooted.value.asked) return await back(`not rebooted: ${rebooted.value.why}`);
    return await comeBack(ctx, name, { before, drainMs });
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return { ...(await back(error.message)), error };
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
  const bootMs = ctx.now().getTime() - since;
  const why = `rebooted in ${sayDuration(bootMs)}, ${before.next}, ${proved.value.length} of ${proved.value.length} checks`;
  const back = await attempt(() => giveBack(ctx, name));
  if (!back.ok) return failed(name, back.error);
  const left = back.value.to === 'service' ? '' : `; ${back.value.why}`;
  return { name, verdict: 'done', why: why + left, drainMs, bootMs };
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
