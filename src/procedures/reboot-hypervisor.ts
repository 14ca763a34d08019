/** One hypervisor's way through the night: look, cordon, drain, reboot, prove, give back. */
import type { Context, StepScope } from '../context.ts';
import { longestBack } from '../domain/back-within.ts';
import { messageOf } from '../domain/failure.ts';
import type { RebootOutcome } from '../domain/reboot-report.ts';
import { sayDuration } from '../domain/say.ts';
import type { ParallelEmpty } from '../domain/waves.ts';
import { assertConfigured } from './assert-configured.ts';
import { attempt, isCancelled } from './attempt.ts';
import { awaitGuests, type WaitSettings } from './await-guests.ts';
import { type CanarySettings, sendCanary } from './canary.ts';
import { checkBooks } from './check-books.ts';
import { cordon, giveBack, type Moved } from './cordon.ts';
import { drain } from './drain.ts';
import { type GateSettings, takeBaseline, whyRed } from './gate.ts';
import { goThrough, type Through, type ThroughSettings } from './go-through.ts';
import { type HeldOff, type HoldOffSettings, holdOff, letGo, stillHeldOff } from './hold-off.ts';
import { awaitWindow, type WindowSettings } from './in-window.ts';
import { type Before, type LastLook, type LookSettings, lookAt } from './look-at.ts';
import type { MigrateSettings } from './migrate.ts';
import { memorable, remember } from './remember.ts';
import { type SoakSettings, soak } from './soak.ts';
import { sayStopped, startAllAgain } from './stop-guest.ts';

export type Settings = LookSettings &
  MigrateSettings &
  ThroughSettings &
  CanarySettings &
  SoakSettings &
  GateSettings &
  HoldOffSettings &
  WaitSettings &
  WindowSettings & {
    /** Wait with the hypervisor out of service for servers that cannot be moved. */
    readonly wait: boolean;
    readonly parallelEmpty: ParallelEmpty;
    /** The campaign that calls it found the gate green a moment ago. */
    readonly gated?: boolean;
  };

/** With the error that ends the run: a failed step, from which it can be resumed, or the cancellation. */
export interface Ended extends Omit<RebootOutcome, 'run'> {
  /** From the request to reboot until it was proved, where it was. */
  readonly bootMs?: number;
  /** What it runs, where it was rebooted and proved: its update may have brought another kernel than was expected. */
  readonly kernel?: string;
  /** What its proof saw, check by check. */
  readonly evidence?: string;
  readonly error?: Error;
}

/**
 * Ends in a state that people can live with. A drain that fails with every guest whole gives the
 * hypervisor back at once. From the request to reboot on, whatever fails leaves it disabled for a
 * person. A cancelled run gives back what is whole; its error is the outcome's.
 */
export async function rebootHypervisor(ctx: Context<Settings>, name: string): Promise<Ended> {
  try {
    if (!ctx.options.gated) await assertConfigured(ctx, `settings for ${name}`);
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
  const unbalanced = await checkBooks(ctx, name);
  if (unbalanced !== undefined) return { name, verdict: 'held', why: unbalanced };

  if (look.go !== 'waits') {
    const red = await takeTurn(ctx, name, look.before.guests);
    if (red !== null) return { name, verdict: 'held', why: red };
  }
  const cordoned = await attempt(() => cordon(ctx, name));
  if (!cordoned.ok) {
    const ended = await retreat(ctx, name, { why: cordoned.error.message, moved: [] });
    if (look.go !== 'waits' && ended.verdict === 'given back')
      await remember(ctx, name, memorable(ended, look.before));
    return ended;
  }
  if (!cordoned.value.ours) return { name, verdict: 'held', why: cordoned.value.why };
  if (look.go !== 'waits') return empty(ctx, name, look.before);
  return waitFirst(ctx, name, look);
}

/**
 * Hypervisors are drained and rebooted one after the other, whichever run does it; what waits gives its turn up.
 * Why the turn is not taken: a signal of the gate that is red, and was not when this run queued.
 */
async function takeTurn(ctx: Context<Settings>, name: string, guests = 1): Promise<string | null> {
  const inTurn = () => queueFor(ctx, guests);
  if (ctx.options.gated) {
    await inTurn();
    return null;
  }
  const baseline = await attempt(() => takeBaseline(ctx, `baseline for ${name}`));
  if (!baseline.ok) return `nothing started: ${messageOf(baseline.error)}`;
  await inTurn();
  return (await whyRed(ctx, name, baseline.value)).red;
}

/** Empty ones may go several at a time; what has guests to move, or none to be sure of, goes alone. */
async function queueFor(ctx: Context<Settings>, guests: number): Promise<void> {
  const { atOnce } = ctx.options.parallelEmpty;
  try {
    if (guests === 0 && atOnce > 1)
      await ctx.slot('reboot empty', atOnce, `${atOnce} empty hypervisors at a time`);
    else await ctx.slot('drain and reboot', 1, 'one hypervisor at a time');
  } catch (error) {
    // What comes next says so itself, unless it was done before the run parked for the last time.
    if (!isCancelled(error)) throw error;
  }
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
async function waitFirst(
  ctx: Context<Settings>,
  name: string,
  pinned: Extract<LastLook, { go: 'waits' }>,
): Promise<Ended> {
  try {
    const waited = await awaitGuests(ctx, name, pinned);
    if ('inVain' in waited) return await retreat(ctx, name, { why: waited.inVain, moved: [] });
    const agreed = { ...ctx, options: { ...ctx.options, agreed: waited.agreed } };
    await awaitWindow(ctx, `window for ${name}`, longestBack(ctx.options) * 60_000);
    const red = await takeTurn(ctx, name);
    if (red !== null) return await retreat(ctx, name, { why: red, moved: [] });
    const look = await lookBefore(agreed, name, `look at ${name} after the wait`);
    if ('go' in look && look.go === true) return await empty(agreed, name, look.before);
    return await retreat(ctx, name, { why: look.why, moved: [] });
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return { ...(await retreat(ctx, name, { why: error.message, moved: [] })), error };
  }
}

/** As `drainAndReboot`, and remembers how it ended. */
async function empty(ctx: Context<Settings>, name: string, before: Before): Promise<Ended> {
  const ended = await drainAndReboot(ctx, name, before);
  await remember(ctx, name, memorable(ended, { ...before, next: ended.kernel ?? before.next }));
  return ended;
}

async function drainAndReboot(ctx: Context<Settings>, name: string, before: Before): Promise<Ended> {
  const since = ctx.now().getTime();
  const touched = new Map<string, Moved>();
  const held: HeldOff = { silenced: false, acts: [] };
  const back = async (why: string) => {
    const stuck = await letGo(ctx, name, held);
    if (stuck !== undefined) return runsAgain(failed(name, stuck, why));
    return retreat(ctx, name, { why, moved: [...touched.values()] });
  };
  /** What is left to a person keeps no owner's server down, where the host is well. */
  const runsAgain = async (ended: Ended): Promise<Ended> => {
    const stopped = await startAllAgain(ctx, name, [...touched.values()]);
    return stopped === undefined ? ended : { ...ended, why: `${ended.why}; ${messageOf(stopped)}` };
  };
  try {
    const stuck = await drain(ctx, name, touched);
    if (stuck !== undefined) return await back(stuck);
    const drainMs = touched.size === 0 ? 0 : ctx.now().getTime() - since;

    const busy = await holdOff(ctx, name, held);
    if (busy !== undefined) return await back(`not rebooted: ${busy}`);
    const ready = (scope: StepScope) => stillHeldOff(ctx, name, { held, scope });
    const through = await goThrough(ctx, name, before, ready);
    if (through.end === 'back') return await back(through.why);
    const left = await letGo(ctx, name, held);
    if (through.end === 'failed') return failed(name, through.error, sayAll(sayStopped(touched), left));
    if (left !== undefined) return await runsAgain(failed(name, left, 'rebooted and proved'));
    return { ...(await comeBack(ctx, name, { ...through, moved: [...touched.values()] })), drainMs };
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return { ...(await back(error.message)), error };
  }
}

async function comeBack(
  ctx: Context<Settings>,
  name: string,
  {
    checks,
    kernel,
    bootMs,
    moved,
  }: Extract<Through, { end: 'proved' }> & { readonly moved: readonly Moved[] },
): Promise<Ended> {
  const why = `rebooted in ${sayDuration(bootMs)}, ${kernel}, ${checks.length} of ${checks.length} checks`;
  const stopped = await startAllAgain(ctx, name, moved);
  if (stopped !== undefined) return failed(name, stopped, why);
  const back = await attempt(() => giveBack(ctx, name));
  if (!back.ok) return failed(name, back.error);
  const left = back.value.to === 'service' ? '' : `; ${back.value.why}`;
  const after = back.value.to === 'service' ? await attempt(() => watch(ctx, name)) : undefined;
  if (after?.ok === false) return failed(name, after.error, why);
  const evidence = checks.map((check) => `${check.name}: ${check.saw}`).join('; ');
  return { name, verdict: 'done', why: why + left + (after?.value ?? ''), bootMs, kernel, evidence };
}

/** It is enabled: does it take guests, and keep well? What there is to say of it; it is disabled again when it fails. */
async function watch(ctx: Context<Settings>, name: string): Promise<string> {
  await sendCanary(ctx, name);
  try {
    const said = await soak(ctx, name);
    return said === undefined ? '' : `; ${said}`;
  } catch (error) {
    // It serves already, so there is nothing that a cancelled run would have to give back.
    if (isCancelled(error)) return `; not watched to the end: ${error.message}`;
    throw error;
  }
}

/** Nothing was rebooted: the hypervisor serves as before, unless a guest is not whole. */
async function retreat(
  ctx: Context<Settings>,
  name: string,
  { why, moved }: { why: string; moved: readonly Moved[] },
): Promise<Ended> {
  const stopped = await startAllAgain(ctx, name, moved);
  if (stopped !== undefined) return failed(name, stopped, why);
  const back = await attempt(() => giveBack(ctx, name, moved));
  if (!back.ok) return failed(name, back.error, why);
  const left = back.value.to === 'service' ? '' : `; ${back.value.why}`;
  return { name, verdict: 'given back', why: why + left };
}

function sayAll(said: string | undefined, left: Error | undefined): string | undefined {
  const parts = [said, left && messageOf(left)].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join('; ');
}

function failed(name: string, error: Error, before?: string): Ended {
  const why = before === undefined ? messageOf(error) : `${before}; ${messageOf(error)}`;
  return { name, verdict: 'failed', why, error };
}
