/** What is the best that can be done with a tiny fleet? Breadth first over all states, by the rules of the format alone. */
import type { FleetFile, FleetServer } from '../../../../src/domain/fleet-file.ts';

export interface Best {
  readonly emptied: number;
  readonly moves: number;
  readonly cost: number;
}

interface Spot {
  readonly on: string;
  readonly cells: readonly number[];
}

type State = Readonly<Record<string, Spot>>;

/** For each number of hypervisors that can be emptied, the fewest moves, and the least cost of so many moves. */
export function bestOf(fleet: FleetFile): Best[] {
  const start: State = Object.fromEntries(
    fleet.servers.map(({ id, hypervisor, cells = [] }) => [id, { on: hypervisor, cells }]),
  );
  const seen = new Set<string>();
  const best = new Map<number, Best>();
  let level = new Map([[keyOf(start), { state: start, cost: 0 }]]);
  for (let moves = 0; level.size > 0; moves++) {
    const next: typeof level = new Map();
    for (const key of level.keys()) seen.add(key);
    for (const { state, cost } of level.values()) {
      const split = splitIn(fleet, state);
      const emptied = split === undefined ? emptiedIn(fleet, state) : undefined;
      if (emptied !== undefined) {
        const known = best.get(emptied);
        if (known === undefined || (known.moves === moves && known.cost > cost))
          best.set(emptied, { emptied, moves, cost });
      }
      for (const [server, to] of movesFrom(fleet, state, split)) {
        const then = { ...state, [server.id]: to };
        const key = keyOf(then);
        const paid = cost + server.cost;
        if (!seen.has(key) && (next.get(key)?.cost ?? Infinity) > paid)
          next.set(key, { state: then, cost: paid });
      }
    }
    level = next;
  }
  return [...best.values()].toSorted((a, b) => a.emptied - b.emptied);
}

function keyOf(state: State): string {
  return Object.values(state)
    .map(({ on, cells }) => `${on}/${cells.join()}`)
    .join();
}

/** The group of affinity that is on two hypervisors: the next move has to be one of its own. */
function splitIn({ groups }: FleetFile, state: State) {
  return groups.find(
    ({ policy, members }) => policy === 'affinity' && new Set(members.map((id) => state[id]!.on)).size > 1,
  );
}

/** undefined where a hypervisor is in use that was empty. */
function emptiedIn({ hypervisors, servers }: FleetFile, state: State): number | undefined {
  const used = new Set(Object.values(state).map(({ on }) => on));
  const had = new Set(servers.map(({ hypervisor }) => hypervisor));
  const counting = hypervisors.filter(({ enabled, up }) => enabled && up).map(({ name }) => name);
  if ([...used].some((name) => !had.has(name))) return undefined;
  return counting.filter((name) => had.has(name) && !used.has(name)).length;
}

function* movesFrom(
  fleet: FleetFile,
  state: State,
  split: FleetFile['groups'][number] | undefined,
): Generator<readonly [FleetServer, Spot]> {
  for (const server of fleet.servers) {
    if (!server.movable || (split !== undefined && !split.members.includes(server.id))) continue;
    const from = state[server.id]!.on;
    for (const { name, enabled, vcpus, ramMb, diskGb, numa = [] } of fleet.hypervisors) {
      if (!enabled || name === from) continue;
      const there = fleet.servers.filter(({ id }) => state[id]!.on === name);
      const all = [...there, server];
      const sum = (of: (one: FleetServer) => number) => all.reduce((total, one) => total + of(one), 0);
      if (sum((one) => one.vcpus) > vcpus || sum((one) => one.ramMb) > ramMb) continue;
      if (sum((one) => one.diskGb) > diskGb || isTooClose(fleet, all)) continue;
      if (split !== undefined && !there.some(({ id }) => split.members.includes(id))) continue;
      if (server.numa === undefined) yield [server, { on: name, cells: [] }];
      else
        for (const cells of choicesOf(numa.length, server.numa)) {
          const fits = cells.every((cell) => {
            const beside = there.filter(({ id }) => state[id]!.cells.includes(cell));
            const share = (of: (one: FleetServer) => number) =>
              [...beside, server].reduce((total, one) => total + of(one) / one.numa!, 0);
            return (
              share((one) => one.vcpus) <= numa[cell]!.vcpus && share((one) => one.ramMb) <= numa[cell]!.ramMb
            );
          });
          if (fits) yield [server, { on: name, cells }];
        }
    }
  }
}

function isTooClose({ groups }: FleetFile, all: readonly FleetServer[]): boolean {
  const ids = new Set(all.map(({ id }) => id));
  return groups.some(
    ({ policy, members, maxPerHost }) =>
      policy === 'anti-affinity' && members.filter((id) => ids.has(id)).length > maxPerHost,
  );
}

function choicesOf(cells: number, wanted: number): number[][] {
  if (wanted === 0) return [[]];
  return Array.from({ length: cells }, (_, first) => first).flatMap((first) =>
    choicesOf(first, wanted - 1).map((rest) => [...rest, first]),
  );
}
