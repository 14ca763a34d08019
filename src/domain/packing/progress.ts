/** How far is the way to a target: what is still to be done, and where is everything by now? */
import type { Dropped, Leg } from './legs.ts';
import type { Placement } from './placement.ts';

export interface Progress {
  readonly placement: Placement;
  /** Legs still to come, by the hypervisor that they go to. */
  readonly coming: readonly Set<Leg>[];
  /** Legs still to leave each hypervisor. */
  readonly leaving: Int32Array;
  readonly done: Leg[];
  /** Servers that make no detour, or no other one. */
  readonly barred: Set<number>;
  readonly dropped: Dropped[];
}

export function begin(
  start: Placement,
  { legs, barred }: { readonly legs: readonly Leg[]; readonly barred: ReadonlySet<number> },
): Progress {
  const { hypervisorCount } = start.model;
  const coming = Array.from({ length: hypervisorCount }, () => new Set<Leg>());
  const leaving = new Int32Array(hypervisorCount);
  for (const leg of legs) {
    coming[leg.to]!.add(leg);
    leaving[leg.from]!++;
  }
  return { placement: start.copy(), coming, leaving, done: [], barred: new Set(barred), dropped: [] };
}

/** Whether legs to one hypervisor find room together, on top of all that is there now. */
export function hasRoomForAll(placement: Placement, legs: readonly Leg[]): boolean {
  const held: { server: number; to: number; cells: number }[] = [];
  const isRoom = legs.every(({ servers, to, cells }) =>
    servers.every((server, i) => {
      if (!placement.fits(server, to, cells[i])) return false;
      placement.hold(server, to, cells[i]!);
      held.push({ server, to, cells: cells[i]! });
      return true;
    }),
  );
  for (const { server, to, cells } of held) placement.release(server, to, cells);
  return isRoom;
}

/** Lets a leg happen that has room; answers the hypervisors where this changes what has. */
export function perform(leg: Leg, { placement, coming, leaving, done }: Progress): readonly number[] {
  for (const [i, server] of leg.servers.entries()) {
    placement.take(server);
    placement.put(server, leg.to, leg.cells[i]);
  }
  coming[leg.to]!.delete(leg);
  leaving[leg.from]!--;
  done.push(leg);
  return [leg.from, leg.to];
}
