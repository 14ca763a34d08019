/**
 * How far does the obvious way get? The least loaded hypervisor first, its servers by size, each to where it
 * fits best; one that cannot be emptied whole is left as it is. One pass.
 */
import type { FleetFile } from '../../src/domain/fleet-file.ts';
import { type Model, modelOf } from '../../src/domain/packing/model.ts';
import { Placement } from '../../src/domain/packing/placement.ts';

export interface Greedy {
  /** In the end, those that were empty before included. */
  readonly empty: number;
  readonly moves: number;
}

export function planGreedily(fleet: FleetFile, maxMoves: number): Greedy {
  const model = modelOf(fleet, { coolDownHours: 0, maxGibPerHypervisor: Infinity });
  const placement = new Placement(model);
  const emptied = new Uint8Array(model.hypervisorCount);
  let moves = 0;
  for (const from of leastLoadedFirst(model, placement)) {
    // What was filled meanwhile holds more than it had.
    const servers = [...placement.on(from)];
    if (moves + servers.length > maxMoves) continue;
    if (!drain(model, placement, { from, servers, emptied })) continue;
    emptied[from] = 1;
    moves += servers.length;
  }
  return { empty: sum(model.wasEmpty) + sum(emptied), moves };
}

function leastLoadedFirst(model: Model, placement: Placement): number[] {
  return [...model.isCandidate.keys()]
    .filter((h) => model.isCandidate[h] === 1)
    .map((h) => ({ h, free: freeShare(model, placement, h) }))
    .toSorted((a, b) => b.free - a.free || a.h - b.h)
    .map(({ h }) => h);
}

/** All of its servers, or none. */
function drain(
  model: Model,
  placement: Placement,
  { from, servers, emptied }: { from: number; servers: readonly number[]; emptied: Uint8Array },
): boolean {
  const { fleet, unitOf } = model;
  const bySize = servers.toSorted((a, b) => fleet.servers[b]!.ramMb - fleet.servers[a]!.ramMb || a - b);
  const targetOf = new Map<number, number>();
  const moved: { readonly server: number; readonly cells: number }[] = [];
  for (const server of bySize) {
    const together = targetOf.get(unitOf[server]!);
    const to = bestFit(model, placement, { server, from, emptied, together });
    if (to === undefined) {
      for (const { server, cells } of moved.toReversed()) {
        placement.take(server);
        placement.put(server, from, cells);
      }
      return false;
    }
    targetOf.set(unitOf[server]!, to);
    moved.push({ server, cells: placement.cells[server]! });
    placement.take(server);
    placement.put(server, to);
  }
  return true;
}

/** Of those in use the one with the least left. */
function bestFit(
  model: Model,
  placement: Placement,
  ask: { server: number; from: number; emptied: Uint8Array; together: number | undefined },
): number | undefined {
  const { server, from, emptied, together } = ask;
  const { kinds, kindOf, wasEmpty } = model;
  let best: number | undefined;
  let least = Infinity;
  for (const h of together === undefined ? kinds.reach[kinds.reachOf[kindOf[server]!]!]! : [together]) {
    if (h === from || emptied[h] === 1 || wasEmpty[h] === 1) continue;
    const free = freeShare(model, placement, h);
    if (free >= least || !placement.fits(server, h)) continue;
    best = h;
    least = free;
  }
  return best;
}

/** The mean of the free shares of memory and vCPUs. */
function freeShare({ capacity, resourceCount }: Model, { free }: Placement, h: number): number {
  const at = h * resourceCount;
  return (free[at]! / capacity[at]! + free[at + 1]! / capacity[at + 1]!) / 2;
}

function sum(flags: Uint8Array): number {
  return flags.reduce((all, flag) => all + flag, 0);
}
