/** Waits, with the hypervisor out of service, until the servers aboard that cannot be moved have ended. */
import type { Context } from '../context.ts';
import { type Agreements, type DrainPolicy, decideDrain } from '../domain/drain-policy.ts';
import type { KnownWait } from '../domain/reboot-order.ts';
import { attempt } from './attempt.ts';
import { awaitConsent } from './await-consent.ts';
import type { OwnerSettings } from './owner-settings.ts';

export interface WaitSettings extends Omit<DrainPolicy, 'owners'>, OwnerSettings {
  readonly waitDays: number;
  readonly waitPollSeconds: number;
}

/** How a wait ended: nothing is pinned any more but what its owners agree to stop, or it is waited no longer. */
export type Waited = { readonly agreed: Agreements } | { readonly inVain: string };

/** Where the waits under way are written down: hypervisor name → `KnownWait`. */
export const WAITS = 'waits';

const DAY_MS = 86_400_000;

/**
 * Parks the run until no server is pinned to the hypervisor; it looks every `waitPollSeconds` and holds no
 * worker meanwhile. The other runs learn of it by the table `waits`. Where owners are asked, it ends also
 * when all that are left have agreed.
 */
export async function awaitGuests(
  ctx: Context<WaitSettings>,
  name: string,
  { why, need }: { readonly why: string; readonly need: string },
): Promise<Waited> {
  const { owners } = ctx.options;
  await ctx.step(`begin to wait for ${name}`, { effect: 'idempotent' }, async ({ table, since }) => {
    const known: KnownWait = { run: ctx.runId, since: since.toISOString() };
    table(WAITS).set(name, known);
  });
  ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why });
  try {
    if (owners?.ask) return await awaitConsent(ctx, name, { need, rules: owners });
    return await awaitEnds(ctx, name, why);
  } finally {
    await ctx.step(`stop waiting for ${name}`, { effect: 'idempotent' }, async ({ table }) => {
      table(WAITS).delete(name);
    });
  }
}

async function awaitEnds(ctx: Context<WaitSettings>, name: string, why: string): Promise<Waited> {
  const { waitDays, waitPollSeconds } = ctx.options;
  const wait = {
    why: `servers to end: ${why}`,
    withinMs: waitDays * DAY_MS,
    everyMs: waitPollSeconds * 1000,
  };
  const waited = await attempt(() =>
    ctx.waitUntil(`end of the servers pinned to ${name}`, wait, async () =>
      (await arePinned(ctx, name)) ? undefined : true,
    ),
  );
  return waited.ok ? { agreed: {} } : { inVain: waited.error.message };
}

async function arePinned({ cloud, options }: Context<DrainPolicy>, name: string): Promise<boolean> {
  for (const { id, status } of (await cloud.occupancy(name)).servers) {
    // A cell that is down hides what is aboard; nothing has ended by that.
    if (status === 'UNKNOWN') return true;
    const server = await cloud.server(id);
    if (server !== undefined && decideDrain(server, options).does === 'pinned') return true;
  }
  return false;
}
