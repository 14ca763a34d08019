/** Which end is the best of all? Every placement of a small fleet is tried, by the rules of the format alone. */
import type { FleetFile, FleetHypervisor, FleetServer } from '../../../../src/domain/fleet-file.ts';

/** A server's place, and the cells that it takes there. */
export interface Spot {
  readonly hypervisor: string;
  readonly cells: readonly number[];
}

export interface End {
  readonly emptied: number;
  readonly moves: number;
}

/** The most hypervisors emptied with at most so many moves, and the fewest moves for them. */
export function bestEnd(fleet: FleetFile, maxMoves = Number.POSITIVE_INFINITY): End {
  const before = new Set(fleet.servers.map(({ hypervisor }) => hypervisor));
  const targets = fleet.hypervisors.filter(({ name, enabled }) => enabled && before.has(name));
  const spots = new Map<string, Spot>();
  let best: End = { emptied: 0, moves: 0 };
  const place = (index: number, moves: number): void => {
    if (moves > maxMoves) return;
    const server = fleet.servers[index];
    if (server === undefined) {
      if (!isWhole(fleet, spots)) return;
      const used = new Set([...spots.values()].map(({ hypervisor }) => hypervisor));
      const emptied = targets.filter(({ name }) => !used.has(name)).length;
      if (emptied > best.emptied || (emptied === best.emptied && moves < best.moves))
        best = { emptied, moves };
      return;
    }
    for (const spot of spotsOf(fleet, server, targets)) {
      spots.set(server.id, spot);
      if (isLegal(fleet, spots, spot.hypervisor))
        place(index + 1, moves + Number(spot.hypervisor !== server.hypervisor));
      spots.delete(server.id);
    }
  };
  place(0, 0);
  return best;
}

function spotsOf(fleet: FleetFile, server: FleetServer, targets: readonly FleetHypervisor[]): Spot[] {
  const home = { hypervisor: server.hypervisor, cells: server.cells ?? [] };
  if (!server.movable || !targets.some(({ name }) => name === server.hypervisor)) return [home];
  const others = targets.filter(({ name }) => name !== server.hypervisor);
  return [
    home,
    ...others.flatMap(({ name, numa = [] }) =>
      subsets(numa.length, server.numa ?? 0).map((cells) => ({ hypervisor: name, cells })),
    ),
  ];
}

function subsets(count: number, size: number): number[][] {
  if (size === 0) return [[]];
  if (count < size) return [];
  return [
    ...subsets(count - 1, size),
    ...subsets(count - 1, size - 1).map((subset) => [...subset, count - 1]),
  ];
}

/** Whether what is placed there so far fits: all of it, each cell, and members of groups apart. */
export function isLegal(fleet: FleetFile, spots: ReadonlyMap<string, Spot>, name: string): boolean {
  const hypervisor = fleet.hypervisors.find((one) => one.name === name)!;
  const there = fleet.servers.filter(({ id }) => spots.get(id)?.hypervisor === name);
  const sum = (of: (server: FleetServer) => number) => there.reduce((all, server) => all + of(server), 0);
  if (sum(({ vcpus }) => vcpus) > hypervisor.vcpus || sum(({ ramMb }) => ramMb) > hypervisor.ramMb)
    return false;
  const inCell = ({ id }: FleetServer, cell: number) => Number(spots.get(id)!.cells.includes(cell));
  const cellsFit = (hypervisor.numa ?? []).every(
    ({ vcpus, ramMb }, cell) =>
      sum((one) => (inCell(one, cell) * one.vcpus) / (one.numa ?? 1)) <= vcpus &&
      sum((one) => (inCell(one, cell) * one.ramMb) / (one.numa ?? 1)) <= ramMb,
  );
  return (
    cellsFit &&
    fleet.groups.every(
      ({ policy, maxPerHost, members }) =>
        policy !== 'anti-affinity' || there.filter(({ id }) => members.includes(id)).length <= maxPerHost,
    )
  );
}

/** Whether members of groups of affinity are together. */
export function isWhole(fleet: FleetFile, spots: ReadonlyMap<string, Spot>): boolean {
  return fleet.groups.every(
    ({ policy, members }) =>
      policy !== 'affinity' || new Set(members.map((id) => spots.get(id)!.hypervisor)).size < 2,
  );
}
