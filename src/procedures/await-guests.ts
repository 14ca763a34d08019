/** Waits, with the hypervisor out of service, until the servers aboard that cannot be moved have ended. */
import type { Context, StepScope } from '../context.ts';
import type { Agreements } from '../domain/drain-policy.ts';
import type { KnownWait } from '../domain/reboot-order.ts';
import type { ConsentSettings } from './ask-owners.ts';
import { attempt } from './attempt.ts';
import { awaitConsent, dropQuestions } from './await-consent.ts';
import { asCourtesy, noteWait, type Term } from './note-wait.ts';
import { pinnedAboard } from './pinned-aboard.ts';

export type WaitSettings = ConsentSettings & { readonly waitDays: number };

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
    // Here, so that a replay does not say less than the looks have said since.
    ctx.note({ subject: `hypervisor ${name}`, verdict: 'waits', why });
  });
  try {
    if (owners?.ask) return await awaitConsent(ctx, name, { need, rules: owners });
    return await awaitEnds(ctx, name, why);
  } finally {
    await ctx.step(`stop waiting for ${name}`, { effect: 'idempotent' }, async (scope) => {
      scope.table(WAITS).delete(name);
      await dropQuestions(ctx, scope);
    });
  }
}

async function awaitEnds(ctx: Context<WaitSettings>, name: string, why: string): Promise<Waited> {
  const { waitDays, waitPollSeconds } = ctx.options;
  const since = ctx.now();
  const withinMs = waitDays * DAY_MS;
  const term = { since, until: new Date(since.getTime() + withinMs) };
  const wait = { why: `servers to end: ${why}`, withinMs, everyMs: waitPollSeconds * 1000 };
  const waited = await attempt(() =>
    ctx.waitUntil(`end of the servers pinned to ${name}`, wait, async (scope) =>
      (await arePinned(ctx, name, { scope, term })) ? undefined : true,
    ),
  );
  return waited.ok ? { agreed: {} } : { inVain: waited.error.message };
}

async function arePinned(
  ctx: Context<WaitSettings>,
  name: string,
  { scope, term }: { readonly scope: StepScope; readonly term: Term },
): Promise<boolean> {
  const aboard = await pinnedAboard(ctx, name);
  if (aboard === undefined) return true;
  const servers = aboard.flatMap(({ server, decision }) =>
    decision.does === 'pinned' ? [{ server, why: decision.because }] : [],
  );
  if (servers.length === 0) return false;
  await asCourtesy(scope, () => noteWait(ctx, scope, { name, ...term, servers }));
  return true;
}
