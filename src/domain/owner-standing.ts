/** What does an owner answer for, and why does a notice not go out that is due? For people who ask about the owner. */
import type { Owner } from './fleet.ts';
import type { Decision, Hold, Owned } from './notice-round.ts';
import { mailKey } from './owner-notices.ts';

/** A server as it is remembered for people who ask. */
export type OwnedServer = {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  readonly image?: string;
};

export type OwnerStanding = {
  readonly email: string;
  readonly name?: string;
  readonly by: Owner['by'];
  /** Those with findings. */
  readonly servers: readonly OwnedServer[];
  /** Why no notice goes out that is due; absent where none is, or it went. */
  readonly held?: { readonly verdict: string; readonly why: string };
  /** When it became so, and by which run. */
  readonly at: string;
  readonly run: string;
};

/** Of the others, what was told and when says all. */
const HELD: Readonly<Partial<Record<Hold, string>>> = {
  'not shown': 'not told',
  pilot: 'not told',
  digest: 'told later',
  'quiet hours': 'told later',
  bounced: 'not reached',
  'too many': 'told later',
  broken: 'not told',
};

/** After a decision about one owner; `acting`: what is to be sent is sent. */
export function standingAfter(
  decision: Decision,
  owned: readonly Owned[],
  { acting, now, run }: { readonly acting: boolean; readonly now: Date; readonly run: string },
): OwnerStanding {
  const { to } = decision;
  const held = heldBy(decision, acting);
  return {
    email: to.email,
    ...(to.name !== undefined && { name: to.name }),
    by: to.by,
    servers: owned.map(({ server }) => remembered(server)),
    ...(held && { held }),
    at: now.toISOString(),
    run,
  };
}

function heldBy(decision: Decision, acting: boolean): OwnerStanding['held'] {
  const { why } = decision;
  if (!('hold' in decision)) return acting ? undefined : { verdict: 'not told', why: `dry run: ${why}` };
  const verdict = HELD[decision.hold];
  return verdict === undefined ? undefined : { verdict, why };
}

function remembered({ id, name, projectId, image }: Owned['server']): OwnedServer {
  return { id, name, projectId, ...(image !== undefined && { image }) };
}

/** Rows to be written because they say something else than is known, null: to be deleted; `partial`: there are others. */
export function changedStandings(
  known: ReadonlyMap<string, OwnerStanding>,
  standings: readonly OwnerStanding[],
  { partial }: { readonly partial: boolean },
): Map<string, OwnerStanding | null> {
  const changed = new Map<string, OwnerStanding | null>();
  for (const standing of standings) {
    const before = known.get(mailKey(standing.email));
    if (before === undefined || !saysSame(before, standing)) changed.set(mailKey(standing.email), standing);
  }
  const there = new Set(standings.map(({ email }) => mailKey(email)));
  if (!partial) for (const key of known.keys()) if (!there.has(key)) changed.set(key, null);
  return changed;
}

/** The same but for when it became so, and by which run. */
function saysSame(a: OwnerStanding, b: OwnerStanding): boolean {
  return JSON.stringify({ ...a, at: '', run: '' }) === JSON.stringify({ ...b, at: '', run: '' });
}
