/** Which hypervisors has a person claimed for a while, so that Nightshift leaves them alone? */
import { sayInstant } from './say.ts';

/** The table of claims: hypervisor → `Claim`. */
export const CLAIMS = 'claims';

export type Claim = {
  readonly by: string;
  readonly reason: string;
  /** ISO 8601 in UTC; both are. From `until` on the claim counts no more. */
  readonly since: string;
  readonly until: string;
};

export type Claims = Readonly<Record<string, Claim>>;

export function isOver({ until }: Claim, now: Date): boolean {
  return Date.parse(until) <= now.getTime();
}

/** `claimed by kim until Fri 27 Nov 2026 17:00 GMT: disk swap`; undefined while nobody claims it. */
export function whyClaimed(claims: Claims, hypervisor: string, { now, zone }: When): string | undefined {
  const claim = claims[hypervisor] ?? claims[shortName(hypervisor)];
  if (claim === undefined || isOver(claim, now)) return undefined;
  return `claimed by ${claim.by} until ${sayInstant(new Date(claim.until), zone)}: ${claim.reason}`;
}

export interface When {
  readonly now: Date;
  /** The zone in which times are said. */
  readonly zone: string;
}

/** Claims that hold nothing, because no hypervisor has their name. */
export function idleClaims(claims: Claims, hypervisors: readonly string[], now: Date): string[] {
  const known = new Set([...hypervisors, ...hypervisors.map(shortName)]);
  return Object.entries(claims).flatMap(([name, claim]) =>
    known.has(name) || isOver(claim, now) ? [] : [name],
  );
}

/** People say `hv11` of `hv11.example.org`. */
function shortName(hypervisor: string): string {
  return hypervisor.split('.')[0]!;
}
