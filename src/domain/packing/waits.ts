/** Which earlier legs must be over before a leg may begin, in whatever order the others go? */
import type { Leg } from './legs.ts';
import type { Placement } from './placement.ts';

/**
 * For each leg of a legal order those before it, by index, that make its room, and those that bring its server.
 * On each hypervisor the legs there are taken in order, and as few of those that leave as there must be for all
 * that have come so far: so any order that keeps to this is legal as well.
 */
export function waitsOf(start: Placement, legs: readonly Leg[]): readonly (readonly number[])[] {
  const placement = start.copy();
  const leaving = Map.groupBy(legs.keys(), (i) => legs[i]!.from);
  const gone = new Int32Array(start.model.hypervisorCount);
  const lastOf = new Map<number, number>();
  return legs.map((leg, i) => {
    const waits = new Set<number>();
    for (const server of leg.servers) {
      const before = lastOf.get(server);
      if (before !== undefined) waits.add(before);
      lastOf.set(server, i);
    }
    const others = leaving.get(leg.to) ?? [];
    for (const [n, server] of leg.servers.entries()) {
      while (!placement.fits(server, leg.to, leg.cells[n]) && others[gone[leg.to]!]! < i)
        leave(legs[others[gone[leg.to]!++]!]!);
      placement.hold(server, leg.to, leg.cells[n]!);
      for (const other of others.slice(0, gone[leg.to])) waits.add(other);
    }
    return [...waits];
  });

  function leave(leg: Leg): void {
    for (const server of leg.servers) placement.release(server, leg.from, cellsThere(leg, server));
  }

  /** Those at the start, or those that an earlier leg brought it to. */
  function cellsThere({ from }: Leg, server: number): number {
    if (start.at[server] === from) return start.cells[server]!;
    const detour = legs.find((leg) => leg.to === from && leg.servers.includes(server))!;
    return detour.cells[detour.servers.indexOf(server)]!;
  }
}
