/** Which servers go where on the way to a target, and which NUMA cells do they take there? */
import { cellChoices } from './cell-choices.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';

/** Servers that go together from one hypervisor to another: one alone, or a hard group of affinity. */
export interface Leg {
  readonly servers: readonly number[];
  readonly from: number;
  readonly to: number;
  /** NUMA cells that each takes there, bit by bit. */
  readonly cells: readonly number[];
  /** Ends on a hypervisor that the servers soon leave again. */
  readonly isDetour?: boolean;
}

export interface Dropped {
  readonly server: number;
  readonly why: string;
}

/** The fleet as it is, with the servers where `at` says. */
export function placementAt(model: Model, at: Int32Array): Placement {
  const placement = new Placement(model);
  for (const [s, h] of at.entries()) {
    if (placement.at[s] === h) continue;
    placement.take(s);
    placement.put(s, h);
  }
  return placement;
}

/** A leg for each unit that changes its place; a unit that cannot go as one is dropped. */
export function legsOf(start: Placement, target: Int32Array): { legs: Leg[]; dropped: Dropped[] } {
  const { units } = start.model;
  const cells = cellsAt(start, target);
  const legs: Leg[] = [];
  const dropped: Dropped[] = [];
  for (let unit = 0; unit < units.start.length - 1; unit++) {
    const servers = [...units.items.subarray(units.start[unit], units.start[unit + 1])];
    if (servers.every((s) => start.at[s] === target[s])) continue;
    const from = start.at[servers[0]!]!;
    const to = target[servers[0]!]!;
    if (servers.every((s) => start.at[s] === from && target[s] === to))
      legs.push({ servers, from, to, cells: servers.map((s) => cells[s]!) });
    else
      for (const server of servers)
        if (start.at[server] !== target[server])
          dropped.push({ server, why: 'its affinity group would be on several hypervisors' });
  }
  return { legs, dropped };
}

/**
 * Cells of each server in the target: those that stay keep theirs, those that come are packed around them,
 * the largest first. 0 for a server that is bound to none, or finds none.
 */
function cellsAt(start: Placement, target: Int32Array): Int32Array {
  const { model } = start;
  const { kinds, kindOf } = model;
  const movers = [...target.keys()].filter((s) => start.at[s] !== target[s]);
  const bound = movers.filter((s) => kinds.cells[kindOf[s]!]! > 0);
  const cells = new Int32Array(target.length);
  if (bound.length === 0) return cells;
  const end = start.copy();
  for (const s of movers) end.take(s);
  for (const [h, arrivals] of Map.groupBy(bound, (s) => target[s]!)) {
    const largestFirst = arrivals.toSorted((a, b) => sizeOf(b) - sizeOf(a) || a - b);
    packCells(end, h, { arrivals: largestFirst, cells, triesLeft: TRIES });
  }
  return cells;

  function sizeOf(s: number): number {
    const kind = kindOf[s]!;
    return kinds.cells[kind]! * 1e9 + kinds.cellVcpus[kind]! * 1e6 + kinds.cellRamMb[kind]!;
  }
}

/** Choices of cells that are tried for one hypervisor; the first one nearly always does. */
const TRIES = 2000;

interface Packing {
  readonly arrivals: readonly number[];
  readonly cells: Int32Array;
  triesLeft: number;
}

/** Depth first, the tightest cells first; whether all of them found cells. */
function packCells(end: Placement, hypervisor: number, packing: Packing, next = 0): boolean {
  const server = packing.arrivals[next];
  if (server === undefined) return true;
  const kind = end.model.kindOf[server]!;
  const usual = end.cellsFor(kind, hypervisor);
  const others = cellChoices(end.model, [kind], hypervisor).choices.map(([cells]) => cells!);
  for (const cells of new Set([usual, ...others])) {
    if (packing.triesLeft-- <= 0) return false;
    if (!end.fitsInCells(kind, hypervisor, cells)) continue;
    end.hold(server, hypervisor, cells);
    packing.cells[server] = cells;
    const isDone = packCells(end, hypervisor, packing, next + 1);
    end.release(server, hypervisor, cells);
    if (isDone) return true;
  }
  packing.cells[server] = usual;
  return false;
}
