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
  const cellsLeft = cellsLeftBy(start, legs);
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
    for (const [n, server] of leg.servers.entries())
      placement.release(server, leg.from, cellsLeft.get(leg)![n]!);
  }
}

/** Cells that the servers of each leg take where they come from. */
function cellsLeftBy(start: Placement, legs: readonly Leg[]): ReadonlyMap<Leg, readonly number[]> {
  const now = start.cells.slice();
  return new Map(
    legs.map((leg) => {
      const left = leg.servers.map((server) => now[server]!);
      for (const [n, server] of leg.servers.entries()) now[server] = leg.cells[n]!;
      return [leg, left];
    }),
  );
}
