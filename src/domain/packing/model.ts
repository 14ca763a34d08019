/** What does the planner compute with? A fleet as arrays: a hypervisor, a server, a kind and a group is an index. */
import type { DefragmentPolicy } from '../defragment-plan.ts';
import type { FleetFile, FleetHypervisor, FleetServer } from '../fleet-file.ts';
import { type FleetKinds, kindsOf } from './kinds.ts';
import { poolsOf } from './pools.ts';
import { type Rows, rowsOf } from './rows.ts';
import { unitsOf } from './units.ts';
import { type StayPolicy, whyServersStay } from './why-stay.ts';

const MB_PER_GIB = 1024;

/** Members of a hard group of anti-affinity, servers by index. */
interface ApartGroup {
  readonly id: string;
  readonly maxPerHost: number;
  readonly members: Int32Array;
}

export interface Model {
  readonly fleet: FleetFile;
  readonly hypervisorCount: number;
  readonly serverCount: number;
  /** vCPU, MiB of memory, GiB of disk, and the fleet's extra resources, in this order. */
  readonly resourceCount: number;
  /** Placement's floor((total − reserved) × ratio), at hypervisor × resourceCount + resource. */
  readonly capacity: Float64Array;
  /** NUMA cells of hypervisor h: indices cellStart[h] up to cellStart[h + 1] in the two arrays after it. */
  readonly cellStart: Int32Array;
  readonly cellVcpus: Float64Array;
  readonly cellRamMb: Float64Array;
  /** Enabled and up: takes servers. An empty one does, too, but no plan puts servers there for good. */
  readonly canTake: Uint8Array;
  readonly wasEmpty: Uint8Array;
  /** May be emptied: takes servers, has some, is worth what they cost, and each of them can move. */
  readonly isCandidate: Uint8Array;
  /** Where each server is. */
  readonly home: Int32Array;
  /** The NUMA cells that it takes there, bit by bit; 0 for one that is bound to none, or to cells unknown. */
  readonly cellsAtHome: Int32Array;
  readonly aboard: Rows;
  readonly kindOf: Int32Array;
  readonly kinds: FleetKinds;
  /** Why it stays where it is, in words that fit into "cannot move (…)"; undefined for one that can move. */
  readonly whyStays: readonly (string | undefined)[];
  readonly canMove: Uint8Array;
  readonly cost: Float64Array;
  /** Servers that go together: one alone, or the members of a hard group of affinity. */
  readonly unitOf: Int32Array;
  readonly units: Rows;
  readonly apart: readonly ApartGroup[];
  /** Groups of `apart` by server. */
  readonly apartOf: Rows;
  /** Soft groups: whether members wish to be together, or apart. */
  readonly soft: readonly { readonly isTogether: boolean; readonly members: Int32Array }[];
  /** Groups of `soft` by server. */
  readonly softOf: Rows;
  /** Hypervisors that share no server that could be on both are in different pools. */
  readonly poolOf: Int32Array;
  readonly poolCount: number;
  readonly warnings: readonly string[];
}

/** What of the policy decides who may move, and who may be emptied. */
export type ModelPolicy = StayPolicy & Pick<DefragmentPolicy, 'worth' | 'maxGibPerHypervisor'>;

/** The fleet as arrays. What the real world may look like and the rules forbid is kept, with a warning. */
export function modelOf(fleet: FleetFile, policy: ModelPolicy): Model {
  const { hypervisors, servers } = fleet;
  const index = new Map(hypervisors.map(({ name }, h) => [name, h]));
  const home = Int32Array.from(servers, ({ hypervisor }) => index.get(hypervisor)!);
  const canTake = Uint8Array.from(hypervisors, ({ enabled, up }) => (enabled && up ? 1 : 0));
  const aboard = rowsOf(hypervisors.length, home);
  const wasEmpty = Uint8Array.from(hypervisors, (_, h) =>
    canTake[h] === 1 && aboard.start[h] === aboard.start[h + 1] ? 1 : 0,
  );
  const { kinds, kindOf } = kindsOf(fleet, home, canTake);
  const byId = new Map(servers.map(({ id }, s) => [id, s]));
  const groups = groupsOf(fleet, byId);
  const { units, unitOf } = unitsOf(servers.length, groups.together);
  const { whyStays, warnings } = whyServersStay(fleet, policy, { home, units, unitOf });
  const canMove = Uint8Array.from(whyStays, (why) => (why === undefined ? 1 : 0));
  const worth = policy.worth === undefined ? undefined : new Set(policy.worth);
  const isCandidate = Uint8Array.from(hypervisors, ({ name }, h) =>
    canTake[h] === 1 && wasEmpty[h] === 0 && worth?.has(name) !== false ? 1 : 0,
  );
  const dear = new Float64Array(hypervisors.length);
  for (const [s, h] of home.entries()) {
    dear[h]! += servers[s]!.cost;
    if (canMove[s] === 0 || dear[h]! > policy.maxGibPerHypervisor * MB_PER_GIB) isCandidate[h] = 0;
  }
  return {
    fleet,
    hypervisorCount: hypervisors.length,
    serverCount: servers.length,
    resourceCount: 3 + fleet.extraResources.length,
    capacity: capacityOf(fleet),
    ...cellsOf(hypervisors),
    canTake,
    wasEmpty,
    isCandidate,
    home,
    cellsAtHome: Int32Array.from(servers, maskOf),
    aboard,
    kindOf,
    kinds,
    whyStays,
    canMove,
    cost: Float64Array.from(servers, ({ cost }) => cost),
    unitOf,
    units,
    ...groups.rows(servers.length),
    ...poolsOf(hypervisors.length, { home, kinds, kindOf, canMove }),
    warnings,
  };
}

function capacityOf({ hypervisors, extraResources }: FleetFile): Float64Array {
  const width = 3 + extraResources.length;
  const all = new Float64Array(hypervisors.length * width);
  for (const [h, one] of hypervisors.entries()) {
    all[h * width] = Math.floor((one.vcpus - one.reservedVcpus) * one.cpuRatio);
    all[h * width + 1] = Math.floor((one.ramMb - one.reservedRamMb) * one.ramRatio);
    all[h * width + 2] = Math.floor((one.diskGb - one.reservedDiskGb) * one.diskRatio);
    for (let r = 3; r < width; r++) all[h * width + r] = one.extra[r - 3] ?? 0;
  }
  return all;
}

function cellsOf(hypervisors: readonly FleetHypervisor[]) {
  const cellStart = new Int32Array(hypervisors.length + 1);
  for (const [h, { numa = [] }] of hypervisors.entries()) cellStart[h + 1] = cellStart[h]! + numa.length;
  const cells = hypervisors.flatMap(({ numa = [] }) => numa);
  return {
    cellStart,
    cellVcpus: Float64Array.from(cells, ({ vcpus }) => vcpus),
    cellRamMb: Float64Array.from(cells, ({ ramMb }) => ramMb),
  };
}

function maskOf({ numa, cells = [] }: FleetServer): number {
  return numa === undefined ? 0 : cells.reduce((mask, cell) => mask | (1 << cell), 0);
}

function groupsOf({ groups }: FleetFile, byId: ReadonlyMap<string, number>) {
  const members = (ids: readonly string[]) => Int32Array.from(ids.flatMap((id) => byId.get(id) ?? []));
  const having = (policy: string) =>
    groups.filter((group) => group.policy === policy && group.members.length > 1);
  const apart = having('anti-affinity').map((group) => ({
    id: group.id,
    maxPerHost: group.maxPerHost,
    members: members(group.members),
  }));
  const soft = [...having('soft-affinity'), ...having('soft-anti-affinity')].map((group) => ({
    isTogether: group.policy === 'soft-affinity',
    members: members(group.members),
  }));
  return {
    together: having('affinity').map((group) => members(group.members)),
    rows: (servers: number) => ({
      apart,
      apartOf: groupsByServer(servers, apart),
      soft,
      softOf: groupsByServer(servers, soft),
    }),
  };
}

function groupsByServer(servers: number, groups: readonly { readonly members: Int32Array }[]): Rows {
  const pairs = groups.flatMap(({ members }, g) => [...members].map((s) => ({ s, g })));
  const { start, items } = rowsOf(
    servers,
    Int32Array.from(pairs, ({ s }) => s),
  );
  return { start, items: items.map((pair) => pairs[pair]!.g) };
}
