/** What a host answers about itself; that it does not answer is an answer too. */
import type { Context } from '../context.ts';
import { messageOf } from '../domain/failure.ts';
import { BOOT_PROBE, type HostBoot, parseBoot } from '../domain/host-boot.ts';
import { guestsProbe, type HostGuests, parseHostGuests } from '../domain/host-guests.ts';
import { type KernelRules, needProbe, parseNeed, type RebootNeed } from '../domain/reboot-need.ts';
import type { NeedSettings } from './need-settings.ts';

const PROBE_MS = 30_000;
/** A site's probe may ask its package mirrors. */
const UPDATE_PROBE_MS = 120_000;

/**
 * Whether it needs a reboot; unclear when it cannot be reached. Which kernel boots next is judged after the
 * update, where there is one, because that may change it.
 */
export async function askNeed(
  ctx: Context<NeedSettings>,
  name: string,
  signal: AbortSignal,
): Promise<RebootNeed> {
  const { nextKernel, update } = ctx.options;
  const updateProbe = update === undefined ? undefined : ctx.options.updateProbe;
  const { kernels: _, ...files } = kernelRules(ctx.options);
  try {
    const answer = await ctx.host(name).run(needProbe(nextKernel, updateProbe), {
      timeoutMs: updateProbe === undefined ? PROBE_MS : UPDATE_PROBE_MS,
      signal,
    });
    return parseNeed(answer, update === undefined ? kernelRules(ctx.options) : files);
  } catch (error) {
    signal.throwIfAborted();
    return { need: 'unclear', why: sayAway(name, error) };
  }
}

/** What the site asks of the kernel that boots next. */
export function kernelRules({ kernels = [], bootFiles = false, bootFreeMb = 0 }: NeedSettings): KernelRules {
  return bootFiles ? { kernels, bootFreeMb } : { kernels };
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
