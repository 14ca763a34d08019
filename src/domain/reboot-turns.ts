/** In which order do those go that could be rebooted, and what is said of one that goes last? */
import { byName } from './names.ts';
import type { GivenBack } from './reboot-record.ts';
import { sayDay } from './say.ts';

interface Ready {
  readonly name: string;
  readonly drainSeconds: number;
  /** When it was given back since it last booted, ISO 8601 in UTC. */
  readonly givenBackAt?: string;
}

/**
 * Reserved ones, then the cheapest drain, `own` behind those. Behind all that were not given back come those
 * that were, whatever they cost, so that they stand in nobody's way; of them, whose turn was longest ago.
 */
export function inTurn<T extends Ready>(
  ready: readonly T[],
  { reserved, own }: { readonly reserved: ReadonlySet<string>; readonly own: string | undefined },
): T[] {
  return ready.toSorted(
    (a, b) =>
      lastTurn(a) - lastTurn(b) ||
      Number(reserved.has(b.name)) - Number(reserved.has(a.name)) ||
      Number(a.name === own) - Number(b.name === own) ||
      a.drainSeconds - b.drainSeconds ||
      byName(a.name, b.name),
  );
}

/** `given back on Tue 24 Nov 2026: no valid host for web-1; tried last`. */
export function sayTriedLast({ at, why }: GivenBack, zone: string): string {
  return `given back on ${sayDay(new Date(at), zone)}: ${why.replace(/\.$/, '')}; tried last`;
}

function lastTurn({ givenBackAt }: Ready): number {
  return givenBackAt === undefined ? Number.NEGATIVE_INFINITY : Date.parse(givenBackAt);
}
