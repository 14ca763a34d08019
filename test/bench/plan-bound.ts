/**
 * How many hypervisors can any plan empty, and with how few moves? By volume alone, from the fleet itself and
 * without the planner's own bounds: what is bound to a set of hypervisors needs so much of what they have.
 */
import type { FleetFile, FleetHypervisor, FleetServer } from '../../src/domain/fleet-file.ts';
import { capacityOf } from '../../src/domain/fleet-room.ts';
import { whysNotThere } from '../../src/domain/move-rules.ts';
import { Entries, ProgramDraft, type Solve } from '../../src/domain/packing/program.ts';

const ROUNDING = 1e-6;

/** Servers that may go to the same hypervisors. */
interface Reach {
  readonly servers: readonly FleetServer[];
  readonly hypervisors: ReadonlySet<string>;
}

/** Hypervisors that may be emptied, and the rows that any plan keeps. */
export interface Volumes {
  readonly candidates: readonly { readonly name: string; readonly servers: number }[];
  readonly emptyBefore: number;
  /** Σ weight of those emptied ≤ limit. */
  readonly rows: readonly { readonly weights: readonly number[]; readonly limit: number }[];
}

export function volumesOf(fleet: FleetFile): Volumes {
  const aboard = Map.groupBy(fleet.servers, ({ hypervisor }) => hypervisor);
  const serving = fleet.hypervisors.filter(({ enabled, up }) => enabled && up);
  const candidates = serving.flatMap(({ name }) => {
    const servers = aboard.get(name) ?? [];
    return servers.length > 0 && servers.every(canMove) ? [{ name, servers: servers.length }] : [];
  });
  const rows = reachesOf(fleet).flatMap((reach, _, all) =>
    rowsOf(fleet, { serving, candidates: candidates.map(({ name }) => name), reach, all }),
  );
  return { candidates, emptyBefore: serving.filter(({ name }) => !aboard.has(name)).length, rows };
}

/** Empty hypervisors at the end of any plan with so many moves, at most. */
export function emptyBound(
  { candidates, emptyBefore, rows }: Volumes,
  maxMoves: number,
  solve: Solve,
): number {
  if (candidates.length === 0) return emptyBefore;
  const draft = new ProgramDraft();
  for (const _ of candidates) draft.column(-1, 1);
  for (const { weights, limit } of rows) draft.row(-Infinity, limit, entriesOf(weights));
  draft.row(-Infinity, maxMoves, entriesOf(candidates.map(({ servers }) => servers)));
  const { bound } = solve(draft.done(), { isRelaxed: true });
  return emptyBefore + Math.floor(-bound + ROUNDING);
}

/** Moves of any plan with so many empty hypervisors at its end, at least. */
export function movesBound({ candidates, emptyBefore, rows }: Volumes, empty: number, solve: Solve): number {
  if (empty <= emptyBefore) return 0;
  const draft = new ProgramDraft();
  for (const { servers } of candidates) draft.column(servers, 1);
  for (const { weights, limit } of rows) draft.row(-Infinity, limit, entriesOf(weights));
  draft.row(empty - emptyBefore, Infinity, entriesOf(candidates.map(() => 1)));
  const { bound } = solve(draft.done(), { isRelaxed: true });
  return Math.ceil(bound - ROUNDING);
}

function canMove({ movable, pinned, locked }: FleetServer): boolean {
  return movable && pinned === undefined && !locked;
}

function reachesOf({ servers, hypervisors, isolatedAggregates }: FleetFile): Reach[] {
  const byName = new Map(hypervisors.map((one) => [one.name, one]));
  const alike = Map.groupBy(servers, ({ hypervisor, az, aggregate, requiredTraits }) => {
    const { cell, cpu } = byName.get(hypervisor)!;
    return JSON.stringify([az, aggregate, requiredTraits.toSorted(), cell, cpu]);
  });
  return [...alike.values()].map((servers) => {
    const [one] = servers as [FleetServer];
    const from = byName.get(one.hypervisor)!;
    const legal = hypervisors.filter(
      (to) => whysNotThere(one, { from, to }, isolatedAggregates).length === 0,
    );
    return { servers, hypervisors: new Set(legal.map(({ name }) => name)) };
  });
}

/** One row for each resource: those kept of the set have room for all that is in it and cannot leave it. */
function rowsOf(
  fleet: FleetFile,
  ask: {
    readonly serving: readonly FleetHypervisor[];
    readonly candidates: readonly string[];
    readonly reach: Reach;
    readonly all: readonly Reach[];
  },
): { weights: number[]; limit: number }[] {
  const set = ask.reach.hypervisors;
  const bound = ask.all.flatMap(({ servers, hypervisors }) => {
    const isWithin = hypervisors.isSubsetOf(set);
    return servers.filter((server) => set.has(server.hypervisor) && (isWithin || !canMove(server)));
  });
  const needs = ({ vcpus, ramMb, diskGb, extra }: FleetServer) => [vcpus, ramMb, diskGb, ...extra];
  return [0, 1, 2, ...fleet.extraResources.map((_, r) => r + 3)].map((resource) => {
    const used = new Map<string, number>();
    for (const server of bound)
      used.set(server.hypervisor, (used.get(server.hypervisor) ?? 0) + needs(server)[resource]!);
    const room = new Map(
      ask.serving
        .filter(({ name }) => set.has(name))
        .map((one) => [one.name, Math.max(capacityOf(one)[resource]!, used.get(one.name) ?? 0)]),
    );
    const scale = Math.max(1, ...room.values());
    // An empty one takes nothing for good, so its room does not count.
    const has = new Set(fleet.servers.map(({ hypervisor }) => hypervisor));
    const total = sum([...room].map(([name, amount]) => (has.has(name) ? amount : 0)));
    return {
      weights: ask.candidates.map((name) => (room.get(name) ?? 0) / scale),
      limit: (total - sum([...used.values()])) / scale,
    };
  });
}

function entriesOf(weights: readonly number[]): Entries {
  const entries = new Entries();
  for (const [column, weight] of weights.entries()) entries.add(column, weight);
  return entries;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, number) => all + number, 0);
}
