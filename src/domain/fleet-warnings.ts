/** Which rules does a fleet break before anybody has moved anything? People and other tools can do what no plan may. */
import type { FleetFile } from './fleet-file.ts';
import { excessOf, type Room, roomsOf } from './fleet-room.ts';
import { whysMisplaced } from './move-rules.ts';
import { sayCount, sayList } from './say.ts';

/** Of each kind so many are named. */
const NAMED = 5;

/** One line for each kind of breach; none for a fleet that keeps every rule. A plan works around them. */
export function fleetWarnings(fleet: FleetFile): string[] {
  const rooms = [...roomsOf(fleet).values()];
  return [
    ...full(rooms, fleet.extraResources),
    ...cellsFull(rooms),
    ...cellsUnknown(fleet),
    ...misplaced(fleet),
    ...groupsBroken(fleet),
  ];
}

function full(rooms: readonly Room[], extraNames: readonly string[]): string[] {
  const over = rooms.flatMap((room) => {
    const excess = excessOf(room, extraNames);
    return excess === undefined ? [] : [`${room.hypervisor.name} by ${excess}`];
  });
  return over.length === 0 ? [] : [`over-full: ${sayList(over, NAMED)}`];
}

function cellsFull(rooms: readonly Room[]): string[] {
  const over = rooms.flatMap(({ hypervisor, cells }) =>
    cells.flatMap(({ vcpus, ramMb }, cell) =>
      vcpus < 0 || ramMb < 0 ? [`cell ${cell} of ${hypervisor.name}`] : [],
    ),
  );
  return over.length === 0 ? [] : [`over-full NUMA cells: ${sayList(over, NAMED)}`];
}

function cellsUnknown({ servers }: FleetFile): string[] {
  const unknown = servers.filter(({ numa, cells }) => numa !== undefined && cells === undefined);
  if (unknown.length === 0) return [];
  const homes = [...new Set(unknown.map(({ hypervisor }) => hypervisor))];
  return [
    `nobody knows which NUMA cells ${sayCount(unknown.length, 'server')} take on ${sayList(homes, NAMED)}`,
  ];
}

function misplaced({ servers, hypervisors, isolatedAggregates }: FleetFile): string[] {
  const byName = new Map(hypervisors.map((hypervisor) => [hypervisor.name, hypervisor]));
  const wrong = servers.flatMap((server) =>
    whysMisplaced(server, byName.get(server.hypervisor)!, isolatedAggregates).slice(0, 1),
  );
  return wrong.length === 0 ? [] : [`where they may not be: ${sayList(wrong, NAMED)}`];
}

function groupsBroken({ servers, groups }: FleetFile): string[] {
  const homes = new Map(servers.map(({ id, hypervisor }) => [id, hypervisor]));
  return groups.flatMap(({ id, policy, maxPerHost, members }) => {
    const there = Map.groupBy(members, (member) => homes.get(member) ?? '');
    if (policy === 'affinity' && there.size > 1)
      return [`server group ${id} (affinity) is on ${sayList([...there.keys()], NAMED)}`];
    if (policy !== 'anti-affinity') return [];
    return [...there]
      .filter(([, all]) => all.length > maxPerHost)
      .map(
        ([name, all]) =>
          `server group ${id} (anti-affinity) has ${all.length} on ${name}, ${maxPerHost} may be`,
      );
  });
}
