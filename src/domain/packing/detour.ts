/** Where may a server wait while those leave whose room it needs? */
import type { Leg } from './legs.ts';
import { hasRoomForAll, type Progress } from './progress.ts';

export interface Detour {
  readonly leg: Leg;
  /** The hypervisor that it goes to first, and the cells that it takes there. */
  readonly by: number;
  readonly cells: readonly number[];
}

/**
 * A detour for one of the legs that wait: rather one whose server makes room for another that waits, then the
 * smallest server. A server makes one detour at most; a group of affinity makes none.
 */
export function findDetour(waiting: readonly Leg[], progress: Progress): Detour | undefined {
  const { fleet } = progress.placement.model;
  const single = waiting.filter(({ servers }) => servers.length === 1 && !progress.barred.has(servers[0]!));
  const smallestFirst = single.toSorted(
    (a, b) => fleet.servers[a.servers[0]!]!.ramMb - fleet.servers[b.servers[0]!]!.ramMb,
  );
  const freeing = smallestFirst.filter((leg) => makesRoom(leg, progress));
  for (const leg of new Set([...freeing, ...smallestFirst])) {
    const by = meanwhile(leg, progress);
    if (by !== undefined) return { leg, by, cells: [cellsOn(by, leg, progress)] };
  }
  return undefined;
}

function makesRoom({ servers, from }: Leg, { placement, coming }: Progress): boolean {
  const server = servers[0]!;
  const cells = placement.cells[server]!;
  placement.release(server, from, cells);
  const isRoom = [...coming[from]!].some((leg) => hasRoomForAll(placement, [leg]));
  placement.hold(server, from, cells);
  return isRoom;
}

/** A hypervisor in use with room to spare, else an empty one, else any that has room now. */
function meanwhile(leg: Leg, progress: Progress): number | undefined {
  const { placement, coming, leaving } = progress;
  const server = leg.servers[0]!;
  const hypervisors = [...placement.count.keys()].filter(
    (h) => h !== leg.from && h !== leg.to && placement.fits(server, h),
  );
  const isInUse = (h: number) => placement.count[h]! > leaving[h]! || coming[h]!.size > 0;
  const hasRoomToSpare = (h: number) =>
    hasRoomForAll(placement, [
      { servers: [server], from: leg.from, to: h, cells: [cellsOn(h, leg, progress)] },
      ...coming[h]!,
    ]);
  return (
    hypervisors.find((h) => isInUse(h) && hasRoomToSpare(h)) ??
    hypervisors.find((h) => placement.count[h] === 0 && coming[h]!.size === 0) ??
    hypervisors[0]
  );
}

function cellsOn(hypervisor: number, { servers }: Leg, { placement }: Progress): number {
  return placement.cellsFor(placement.model.kindOf[servers[0]!]!, hypervisor);
}
