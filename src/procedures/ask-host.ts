/** What a host answers about itself; that it does not answer is an answer too. */
import type { Context } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import { BOOT_PROBE, type HostBoot, parseBoot } from '../domain/host-boot.ts';
import { guestsProbe, type HostGuests, parseHostGuests } from '../domain/host-guests.ts';
import { needProbe, parseNeed, type RebootNeed } from '../domain/reboot-need.ts';

const PROBE_MS = 30_000;

/** Whether it needs a reboot; unclear when it cannot be reached. */
export async function askNeed(
  ctx: Context<{ readonly nextKernel: string }>,
  name: string,
  signal: AbortSignal,
): Promise<RebootNeed> {
  try {
    return parseNeed(await ask(ctx, name, needProbe(ctx.options.nextKernel), signal));
  } catch (error) {
    signal.throwIfAborted();
    return { need: 'unclear', why: sayAway(name, error) };
  }
}

/** Which guests run on it; not known when it cannot be reached. */
export async function askGuests(
  ctx: Context<{ readonly listDomains: string }>,
  name: string,
  signal: AbortSignal,
): Promise<HostGuests> {
  try {
    return parseHostGuests(await ask(ctx, name, guestsProbe(ctx.options.listDomains), signal));
  } catch (error) {
    signal.throwIfAborted();
    return { known: false, why: sayAway(name, error) };
  }
}

/** In which boot it is, or why that cannot be told. */
export async function askBoot(
  ctx: Context<unknown>,
  name: string,
  signal: AbortSignal,
): Promise<HostBoot | { readonly away: string }> {
  try {
    const boot = parseBoot(await ask(ctx, name, ['sh', '-c', BOOT_PROBE], signal));
    return boot ?? { away: 'its answer makes no sense' };
  } catch (error) {
    signal.throwIfAborted();
    return { away: whyOf(error) };
  }
}

function ask(ctx: Context<unknown>, name: string, argv: readonly string[], signal: AbortSignal) {
  return ctx.host(name).run(argv, { timeoutMs: PROBE_MS, signal });
}

function sayAway(name: string, error: unknown): string {
  const why = whyOf(error);
  return why.startsWith(name) ? why : `${name} did not answer over SSH: ${why}`;
}

/** Without the command: what was asked is ours, and long. */
function whyOf(error: unknown): string {
  return error instanceof Error && 'why' in error ? String(error.why) : messageOf(error);
}
