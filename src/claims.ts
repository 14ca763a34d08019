/** How a person's claim on a hypervisor is written down, listed and ended, by whichever door it comes. */
import { CLAIMS, type Claim, isOver } from './domain/claims.ts';
import type { Engine } from './engine/engine.ts';
import { RefusedError } from './engine/errors.ts';

type Acts = Pick<Engine, 'acts'>['acts'];

export interface ClaimRequest {
  readonly hypervisor: string;
  readonly by: string;
  readonly reason: string;
  readonly until: Date;
}

/** The claims that hold at `now`, by hypervisor, as people count. */
export async function listClaims(
  acts: Acts,
  now: Date,
): Promise<readonly (Claim & { hypervisor: string })[]> {
  const rows = [...(await acts.rows<Claim>(CLAIMS))].filter(([, claim]) => !isOver(claim, now));
  return rows
    .map(([hypervisor, claim]) => ({ hypervisor, ...claim }))
    .toSorted((a, b) => a.hypervisor.localeCompare(b.hypervisor, 'en', { numeric: true }));
}

/** Claims a hypervisor, over a claim that it has already; claims that are over are swept out with it. */
export async function claim(
  acts: Acts,
  { hypervisor, by, reason, until }: ClaimRequest,
  now: Date,
): Promise<Claim> {
  for (const [key, old] of await acts.rows<Claim>(CLAIMS)) {
    if (isOver(old, now)) await acts.setRow({ table: CLAIMS, key }, { by: 'nightshift', why: 'it was over' });
  }
  const value: Claim = { by, reason, since: now.toISOString(), until: until.toISOString() };
  await acts.setRow({ table: CLAIMS, key: hypervisor, value }, { by, why: reason });
  return value;
}

/** Ends a claim, whoever made it, and returns it. Throws `RefusedError` when there is none. */
export async function unclaim(
  acts: Acts,
  { hypervisor, by, reason }: Omit<ClaimRequest, 'until'>,
  now: Date,
): Promise<Claim> {
  const claims = await listClaims(acts, now);
  const mine = claims.find((one) => one.hypervisor === hypervisor);
  if (mine === undefined) {
    const names = claims.map((one) => one.hypervisor).join(', ');
    throw new RefusedError(`nobody claims ${hypervisor}${names === '' ? '' : `; claimed are ${names}`}`);
  }
  await acts.setRow({ table: CLAIMS, key: hypervisor }, { by, why: reason });
  const { hypervisor: _, ...ended } = mine;
  return ended;
}
