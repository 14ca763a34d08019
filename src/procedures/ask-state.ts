/** What a host answers about its devices, units and clock, and to the site's own checks. */
import type { Context } from '../context.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import { type HostState, parseState, stateProbe } from '../domain/host-state.ts';
import type { Check } from '../domain/proof.ts';

export interface StateSettings {
  /** Shell command on the host that lists more devices, a line each. */
  readonly devices?: string | undefined;
  /** Shell commands on the host that exit 0 when it is well, by name. */
  readonly checks?: Readonly<Record<string, string>>;
}

/** What must be the same after the reboot. */
export type Noted = { readonly state: HostState; readonly hypervisorId: string };

const PROBE_MS = 60_000;

/** The state to come back in. Permanent error when it cannot be told: then nothing could be proved. */
export async function noteState(ctx: Context<StateSettings>, name: string): Promise<Noted> {
  return ctx.step(`state of ${name}`, { effect: 'read' }, async ({ signal }) => {
    const state = await askState(ctx, name, signal);
    if ('unknown' in state) throw new PermanentError(state.unknown);
    const { hypervisorId } = await ctx.cloud.service(name);
    return { state, hypervisorId };
  });
}

/** That it does not answer is an answer too. */
export async function askState(
  ctx: Context<StateSettings>,
  name: string,
  signal: AbortSignal,
): Promise<HostState | { readonly unknown: string }> {
  try {
    return parseState(
      await ctx.host(name).run(stateProbe(ctx.options.devices), { timeoutMs: PROBE_MS, signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    return { unknown: `its state cannot be read: ${messageOf(error)}` };
  }
}

/** One after the other: a host that has just booted has enough to do. */
export async function askChecks(
  ctx: Context<StateSettings>,
  host: string,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const made: Check[] = [];
  for (const [check, command] of Object.entries(ctx.options.checks ?? {})) {
    const name = `check ${check}`;
    try {
      const options = { timeoutMs: PROBE_MS, signal };
      const { exit, stdout, stderr } = await ctx.host(host).run(['sh', '-c', command], options);
      const said = `${stdout}\n${stderr}`.trim().split('\n').at(-1) || 'it said nothing';
      made.push({ name, ok: exit === 0, saw: exit === 0 ? said : `${name} failed (exit ${exit}): ${said}` });
    } catch (error) {
      signal.throwIfAborted();
      made.push({ name, ok: false, saw: `${name} could not be made: ${messageOf(error)}` });
    }
  }
  return made;
}
