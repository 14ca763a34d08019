/** Waits for a hypervisor to come back from its reboot and proves it well. */
import type { Context } from '../context.ts';
import { messageOf, PermanentError } from '../domain/failure.ts';
import { type HostState, judgeState } from '../domain/host-state.ts';
import {
  type Check,
  type Expected as ExpectedBoot,
  judgeProof,
  type Look,
  rememberAgents,
  rememberHeard,
  whyHopeless,
} from '../domain/proof.ts';
import { askBoot } from './ask-host.ts';
import { askChecks, askState, type StateSettings } from './ask-state.ts';
import { poll } from './pause.ts';

export interface ProveSettings extends StateSettings {
  /** How long a host may take to come back and pass. */
  readonly backWithinMinutes: number;
  /** How long a host may take from the request until it stops answering. */
  readonly stopWithinSeconds: number;
  readonly pollMs: number;
}

export interface Expected extends ExpectedBoot {
  /** The state in which it was when it was empty; left out, it is not asked for its state. */
  readonly state?: HostState;
}

/** One look, and what the host itself shows beside its boot: nothing before it has booted anew. */
interface Seen extends Look {
  readonly host: readonly Check[];
}

/** What people read when it still answers from the boot before, long after it was asked to reboot. */
const NEVER_LEFT =
  'it answers and has not rebooted; something on it may have swallowed the request (molly-guard?)';

/** The checks, all of them passed. Permanent error with those that are not, once waiting cannot help. */
export async function prove(
  ctx: Context<ProveSettings>,
  name: string,
  expected: Expected,
): Promise<readonly Check[]> {
  const { backWithinMinutes, stopWithinSeconds, pollMs } = ctx.options;
  const withinMs = backWithinMinutes * 60_000;
  const options = { effect: 'read', timeoutMs: withinMs + 5 * 60_000 } as const;
  return ctx.step(`prove ${name}`, options, async ({ signal, timers }) => {
    const stopBy = timers.after(stopWithinSeconds * 1000);
    let look: Seen | undefined;
    let boot: Look['boot'] | undefined;
    const lookAt = (now: Look['boot']) => lookAgain(ctx, { name, expected, before: look, boot: now }, signal);
    const ended = await poll(
      async () => {
        boot = await askBoot(ctx, name, signal);
        // Until it is back there is nothing that Nova could prove, and minutes in which to ask it in vain.
        if (!isAnew(expected, boot)) return !('away' in boot) && stopBy.aborted ? NEVER_LEFT : undefined;
        look = await lookAt(boot);
        if (judge(expected, look).every(({ ok }) => ok)) return 'well';
        return whyHopeless(expected, look);
      },
      { everyMs: pollMs, withinMs, signal, timers },
    );
    if (ended === undefined && boot !== undefined && !isAnew(expected, boot)) look = await lookAt(boot);
    const checks = look === undefined ? [] : judge(expected, look);
    if (ended === 'well') return checks;
    const faults = new Set(checks.flatMap(({ ok, saw }) => (ok ? [] : [saw])));
    throw new PermanentError(`it failed its checks: ${ended ?? [...faults].join('; ')}`);
  });
}

function judge(expected: Expected, seen: Seen): readonly Check[] {
  return [...judgeProof(expected, seen), ...seen.host];
}

function isAnew({ bootId }: Expected, boot: Look['boot']): boolean {
  return !('away' in boot) && boot.bootId !== bootId;
}

/** What Nova, Neutron and the host itself show now that it was found in this boot, or away. */
async function lookAgain(
  ctx: Context<ProveSettings>,
  {
    name,
    expected,
    before,
    boot,
  }: { name: string; expected: Expected; before: Look | undefined; boot: Look['boot'] },
  signal: AbortSignal,
): Promise<Seen> {
  const service = await ctx.cloud.service(name).catch((error: unknown) => ({ away: messageOf(error) }));
  const anew = isAnew(expected, boot);
  const agents = await lookAtAgents(ctx, name, expected);
  const { heard = [], agentsHeard = {} } = before ?? {};
  return {
    boot,
    service,
    heard: anew && 'heardAt' in service ? rememberHeard(heard, service.heardAt) : heard,
    agents,
    agentsHeard: anew && !('away' in agents) ? rememberAgents(agentsHeard, agents) : agentsHeard,
    host: anew ? await lookInside(ctx, { name, expected }, signal) : [],
  };
}

async function lookAtAgents(
  { cloud }: Context<unknown>,
  name: string,
  { agents = [] }: Expected,
): Promise<Look['agents']> {
  if (agents.length === 0) return [];
  return cloud.agents(name).catch((error: unknown) => ({ away: messageOf(error) }));
}

async function lookInside(
  ctx: Context<ProveSettings>,
  { name, expected: { state } }: { name: string; expected: Expected },
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const judged = state === undefined ? [] : judgeState(state, await askState(ctx, name, signal));
  return [...judged, ...(await askChecks(ctx, name, signal))];
}
