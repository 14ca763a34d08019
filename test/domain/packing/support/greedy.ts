/** How many hypervisors does plain best fit empty: the least loaded first, each wholly or not at all, in one pass? */
import type { FleetFile, FleetHypervisor, FleetServer } from '../../../../src/domain/fleet-file.ts';

interface Box {
  readonly hypervisor: FleetHypervisor;
  readonly servers: Set<FleetServer>;
  readonly cells: { vcpus: number; ramMb: number }[];
}

/** For fleets with no zones, aggregates, traits or extra resources; units of affinity are left where they are. */
export function emptiedByGreedy(fleet: FleetFile, maxMoves: number): number {
  const boxes = new Map(
    fleet.hypervisors.map((hypervisor) => [
      hypervisor.name,
      {
        hypervisor,
        servers: new Set<FleetServer>(),
        cells: (hypervisor.numa ?? []).map((cell) => ({ ...cell })),
      },
    ]),
  );
  const taken = new Map<string, readonly number[]>();
  for (const one of fleet.servers) put(one, boxes.get(one.hypervisor)!, one.cells ?? [], taken);
  const closed = new Set(
    fleet.hypervisors
      .filter(({ enabled, name }) => !enabled || boxes.get(name)!.servers.size === 0)
      .map(({ name }) => name),
  );
  const bound = new Set(
    fleet.groups
      .filter(({ policy, members }) => policy === 'affinity' && members.length > 1)
      .flatMap(({ members }) => members),
  );
  let moves = 0;
  let emptied = 0;
  const used = ({ servers }: Box) => [...servers].reduce((sum, { ramMb }) => sum + ramMb, 0);
  for (const box of [...boxes.values()].toSorted((a, b) => used(a) - used(b))) {
    if (closed.has(box.hypervisor.name) || moves + box.servers.size > maxMoves) continue;
    closed.add(box.hypervisor.name);
    const done: { readonly one: FleetServer; readonly to: Box; readonly cells: readonly number[] }[] = [];
    for (const one of [...box.servers].toSorted((a, b) => b.ramMb - a.ramMb)) {
      const places = [...boxes.values()].filter(
        (to) => !closed.has(to.hypervisor.name) && fits(fleet, one, to),
      );
      const [to] = places.toSorted((a, b) => freeRam(a) - freeRam(b));
      if (to === undefined || !one.movable || bound.has(one.id)) break;
      const cells = taken.get(one.id)!;
      take(one, box, cells);
      put(one, to, cellsIn(one, to)!, taken);
      done.push({ one, to, cells });
    }
    if (box.servers.size === 0) {
      moves += done.length;
      emptied++;
    } else {
      closed.delete(box.hypervisor.name);
      for (const { one, to, cells } of done.toReversed()) {
        take(one, to, taken.get(one.id)!);
        put(one, box, cells, taken);
      }
    }
  }
  return emptied;
}

function freeRam({ hypervisor, servers }: Box): number {
  return hypervisor.ramMb - [...servers].reduce((sum, { ramMb }) => sum + ramMb, 0);
}

function fits({ groups }: FleetFile, one: FleetServer, to: Box): boolean {
  const sum = (of: (server: FleetServer) => number) =>
    [...to.servers].reduce((sum, server) => sum + of(server), 0);
  return (
    sum(({ vcpus }) => vcpus) + one.vcpus <= to.hypervisor.vcpus &&
    freeRam(to) >= one.ramMb &&
    cellsIn(one, to) !== undefined &&
    groups.every(
      ({ policy, members, maxPerHost }) =>
        policy !== 'anti-affinity' ||
        !members.includes(one.id) ||
        [...to.servers].filter(({ id }) => members.includes(id)).length < maxPerHost,
    )
  );
}

function cellsIn({ vcpus, ramMb, numa = 0 }: FleetServer, { cells }: Box): number[] | undefined {
  if (numa === 0) return [];
  const free = [...cells.keys()].filter(
    (cell) => cells[cell]!.vcpus >= vcpus / numa && cells[cell]!.ramMb >= ramMb / numa,
  );
  return free.length < numa
    ? undefined
    : free.toSorted((a, b) => cells[a]!.vcpus - cells[b]!.vcpus).slice(0, numa);
}

function put(
  one: FleetServer,
  box: Box,
  cells: readonly number[],
  taken: Map<string, readonly number[]>,
): void {
  box.servers.add(one);
  taken.set(one.id, cells);
  change(one, box, cells, -1);
}

function take(one: FleetServer, box: Box, cells: readonly number[]): void {
  box.servers.delete(one);
  change(one, box, cells, 1);
}

function change(
  { vcpus, ramMb, numa = 1 }: FleetServer,
  box: Box,
  cells: readonly number[],
  sign: 1 | -1,
): void {
  for (const cell of cells) {
    box.cells[cell]!.vcpus += (sign * vcpus) / numa;
    box.cells[cell]!.ramMb += (sign * ramMb) / numa;
  }
}
