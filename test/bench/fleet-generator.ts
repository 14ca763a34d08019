/**
 * What does a cloud look like that has grown and shrunk for a while? Three kinds of hypervisors in three zones,
 * filled to 86 % of memory by a scheduler that spreads, then left by servers at random until 60 % are taken.
 */
import { type FleetFile, parseFleet } from '../../src/domain/fleet-file.ts';
import { type Dice, draw, drawInt, pick } from '../../src/twin/random.ts';

export interface FleetSize {
  readonly seed: number;
  readonly hypervisors: number;
}

/** Of memory, when the cloud was fullest and in the end. */
const FULLEST = 0.86;
const LEFT = 0.6;

const ZONES = 3;
const AVX512 = 'HW_CPU_X86_AVX512';
const MB_PER_GIB = 1024;

interface Host {
  readonly row: Readonly<Record<string, unknown>> & { readonly name: string; readonly az: string };
  readonly aggregate: 'general' | 'pinned' | 'gpu';
  readonly hasAvx512: boolean;
  freeGib: number;
  freeVcpus: number;
  freeDiskGb: number;
  readonly freeCells: number[];
}

interface Flavor {
  readonly weight: number;
  readonly vcpus: number;
  readonly ramGib: number;
}

/** What is asked of a host for a server. */
interface Wish extends Omit<Flavor, 'weight'> {
  readonly aggregate: Host['aggregate'];
  readonly diskGb: number;
  readonly numa?: number;
  readonly az?: string;
  readonly needsAvx512: boolean;
}

interface Guest {
  readonly row: Readonly<Record<string, unknown>> & { readonly id: string };
  readonly aggregate: Host['aggregate'];
  readonly ramGib: number;
}

interface Group {
  readonly policy: 'affinity' | 'anti-affinity';
  readonly size: number;
}

const GENERAL: readonly Flavor[] = flavors(
  [14, 1, 1],
  [16, 1, 2],
  [28, 2, 4],
  [5, 2, 8],
  [22, 4, 8],
  [5, 4, 16],
  [3, 8, 16],
  [8, 8, 32],
  [0.5, 12, 24],
  [0.3, 12, 48],
  [5, 16, 32],
  [3, 16, 64],
  [0.1, 24, 48],
  [13, 32, 64],
  [3.5, 32, 128],
);
const PINNED = GENERAL.filter(({ vcpus }) => vcpus >= 4);
const GPU = flavors([50, 28, 192], [25, 56, 384], [25, 112, 768]);

/** The same size gives the same fleet. */
export function generateFleet({ seed, hypervisors }: FleetSize): FleetFile {
  const dice: Dice = { chance: seed };
  const hosts = Array.from({ length: hypervisors }, (_, i) => hostAt(i, hypervisors, dice));
  const groups = new Map<string, { policy: string; members: string[] }>();
  const guests = (['general', 'pinned', 'gpu'] as const).flatMap((aggregate) => {
    const ours = hosts.filter((host) => host.aggregate === aggregate);
    const all = fill(new Shelf(ours), { aggregate, dice, groups });
    return leave(all, gibOf(ours) * LEFT, dice);
  });
  const left = new Set(guests.map(({ row }) => row.id));
  const fleet = {
    format: 'fleet/1',
    name: `generated-${hypervisors}-s${seed}`,
    isolatedAggregates: ['pinned', 'gpu'],
    hypervisors: hosts.map(({ row }) => row),
    servers: guests.map(({ row }) => row),
    groups: [...groups]
      .map(([id, { policy, members }]) => ({ id, policy, members: members.filter((one) => left.has(one)) }))
      .filter(({ members }) => members.length > 1),
  };
  return parseFleet(JSON.stringify(fleet), fleet.name);
}

/** 85 of 100 for everybody, 10 whose servers are bound to NUMA cells, 5 with GPUs; one of 100 is disabled. */
function hostAt(i: number, hypervisors: number, dice: Dice): Host {
  const share = i / hypervisors;
  const aggregate = share < 0.85 ? 'general' : share < 0.95 ? 'pinned' : 'gpu';
  const generation = aggregate === 'general' ? [0.45, 0.85, 1].findIndex((up) => draw(dice) < up) : 1;
  const size = generation < 0 ? 2 : generation;
  const [vcpus, ramGib, diskGb] = [64 << size, aggregate === 'gpu' ? 1024 : 256 << size, 1800 << size];
  const hasAvx512 = aggregate === 'pinned' || (aggregate === 'general' && size > 0);
  const reservedGib = 16;
  const [freeGib, reservedVcpus] = [ramGib - reservedGib, aggregate === 'pinned' ? 4 : 0];
  const cpuRatio = aggregate === 'general' ? 4 : 1;
  const cell = { vcpus: (vcpus - reservedVcpus) / 2, ramMb: (freeGib / 2) * MB_PER_GIB };
  const row = {
    name: `hv${String(i).padStart(5, '0')}`,
    az: `az${(i % ZONES) + 1}`,
    vcpus,
    ramMb: ramGib * MB_PER_GIB,
    diskGb,
    reservedVcpus,
    reservedRamMb: reservedGib * MB_PER_GIB,
    reservedDiskGb: 100,
    cpuRatio,
    enabled: draw(dice) >= 0.01,
    aggregates: [aggregate],
    traits: [...(aggregate === 'general' ? [`GEN${size}`] : []), ...(hasAvx512 ? [AVX512] : [])],
    ...(aggregate === 'pinned' ? { numa: [cell, cell] } : {}),
  };
  const freeVcpus = (vcpus - reservedVcpus) * cpuRatio;
  const freeCells = aggregate === 'pinned' ? [cell.vcpus, cell.vcpus] : [];
  return {
    row,
    aggregate,
    hasAvx512,
    freeGib,
    freeVcpus,
    freeDiskGb: diskGb - 100,
    freeCells,
  };
}

/** Hosts by free memory, so that the emptiest is found at once. */
class Shelf {
  readonly #byGib: Set<Host>[] = [];
  readonly gib: number;

  constructor(hosts: readonly Host[]) {
    for (const host of hosts) this.#place(host);
    this.gib = gibOf(hosts);
  }

  /** The one with the most memory free of those that the server may go to and has room on. */
  find(wish: Wish, isAllowed: (host: Host) => boolean): Host | undefined {
    for (let gib = this.#byGib.length - 1; gib >= wish.ramGib; gib--)
      for (const host of this.#byGib[gib] ?? []) if (fits(host, wish) && isAllowed(host)) return host;
    return undefined;
  }

  take(host: Host, { ramGib, vcpus, diskGb }: Wish, cells: readonly number[]): void {
    this.#byGib[host.freeGib]?.delete(host);
    host.freeGib -= ramGib;
    host.freeVcpus -= vcpus;
    host.freeDiskGb -= diskGb;
    for (const cell of cells) host.freeCells[cell]! -= vcpus / cells.length;
    this.#place(host);
  }

  #place(host: Host): void {
    (this.#byGib[host.freeGib] ??= new Set()).add(host);
  }
}

/** What has been made so far. */
interface Growth {
  readonly shelf: Shelf;
  readonly aggregate: Host['aggregate'];
  readonly dice: Dice;
  readonly groups: Map<string, { policy: string; members: string[] }>;
  readonly guests: Guest[];
}

/** Refused so often, the cloud is full whatever its memory says. */
const REFUSALS = 100;

function fill(shelf: Shelf, made: Pick<Growth, 'aggregate' | 'dice' | 'groups'>): Guest[] {
  const growth: Growth = { shelf, ...made, guests: [] };
  const { aggregate, dice, guests } = growth;
  let takenGib = 0;
  let refusals = 0;
  while (takenGib < shelf.gib * FULLEST && refusals < REFUSALS) {
    const wish = wishOf(aggregate, dice);
    const group = aggregate === 'general' ? groupOf(dice) : undefined;
    const wanted = group?.size ?? 1;
    const placed = group === undefined ? placeOne(growth, wish) : placeGroup(growth, wish, group);
    takenGib += placed * wish.ramGib;
    refusals += wanted - placed;
  }
  return guests;
}

function placeOne(growth: Growth, wish: Wish): number {
  const host = growth.shelf.find(wish, () => true);
  if (host !== undefined) settle(growth, wish, host);
  return host === undefined ? 0 : 1;
}

/** How many found a place. */
function placeGroup(growth: Growth, wish: Wish, { policy, size }: Group): number {
  const { groups, shelf } = growth;
  const name = `${policy}-${groups.size}`;
  const homes: Host[] = [];
  const members: string[] = [];
  for (let k = 0; k < size; k++) {
    const host = shelf.find(wish, (host) =>
      policy === 'affinity' ? homes.every((home) => home === host) : !homes.includes(host),
    );
    if (host === undefined) continue;
    members.push(settle(growth, wish, host));
    homes.push(host);
  }
  groups.set(name, { policy, members });
  return members.length;
}

function settle({ shelf, aggregate, dice, guests }: Growth, wish: Wish, host: Host): string {
  const cells = cellsOn(host, wish);
  shelf.take(host, wish, cells);
  const id = `${aggregate === 'general' ? 'vm' : aggregate}${String(guests.length).padStart(6, '0')}`;
  guests.push({ row: rowOf({ id, wish, cells, host }, dice), aggregate, ramGib: wish.ramGib });
  return id;
}

/** Servers end at random until so much memory is left taken. */
function leave(guests: readonly Guest[], leftGib: number, dice: Dice): Guest[] {
  const shuffled = guests
    .map((guest) => ({ guest, at: draw(dice) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ guest }) => guest);
  let gib = 0;
  const staying = new Set(shuffled.filter(({ ramGib }) => gib < leftGib && (gib += ramGib) > 0));
  return guests.filter((guest) => staying.has(guest));
}

function wishOf(aggregate: Host['aggregate'], dice: Dice): Wish {
  const { vcpus, ramGib } = weighted({ general: GENERAL, pinned: PINNED, gpu: GPU }[aggregate], dice);
  const size = { vcpus, ramGib, aggregate };
  if (aggregate === 'gpu') return { ...size, diskGb: 200, needsAvx512: false };
  if (aggregate === 'pinned') return { ...size, diskGb: 40, numa: vcpus >= 32 ? 2 : 1, needsAvx512: true };
  const bound = draw(dice) < 0.25 ? { az: `az${drawInt(dice, ZONES) + 1}` } : {};
  const diskGb = draw(dice) < 0.3 ? Math.max(20, vcpus * 10) : 0;
  return { ...size, ...bound, diskGb, needsAvx512: draw(dice) < 0.05 };
}

/** One server in seventy brings a group along. */
function groupOf(dice: Dice): Group | undefined {
  if (draw(dice) >= 1 / 70) return undefined;
  return draw(dice) < 0.25
    ? { policy: 'affinity', size: 2 }
    : { policy: 'anti-affinity', size: pick(dice, [2, 2, 3, 3, 3, 4, 5, 5, 6, 8]) };
}

function rowOf(
  { id, wish, cells, host }: { id: string; wish: Wish; cells: readonly number[]; host: Host },
  dice: Dice,
): Guest['row'] {
  const { aggregate, vcpus, ramGib, diskGb, numa, az, needsAvx512 } = wish;
  const isPinned = aggregate === 'gpu' || (aggregate === 'general' && draw(dice) < 0.005);
  const dirty = draw(dice) < 0.9 ? 0.02 + 0.08 * draw(dice) : 0.1 + 0.4 * draw(dice);
  return {
    id,
    hypervisor: host.row.name,
    vcpus,
    ramMb: ramGib * MB_PER_GIB,
    diskGb,
    dirtyRatio: Math.round(dirty * 1000) / 1000,
    ...(isPinned ? { movable: false, pinned: aggregate === 'gpu' ? 'pci-passthrough' : 'sriov' } : {}),
    ...(aggregate === 'general' ? { localDisk: diskGb > 0 } : { aggregate }),
    ...(az === undefined ? {} : { az }),
    ...(needsAvx512 ? { requiredTraits: [AVX512] } : {}),
    ...(numa === undefined ? {} : { numa, cells }),
  };
}

function fits(host: Host, { ramGib, vcpus, diskGb, az, needsAvx512, numa = 0 }: Wish): boolean {
  return (
    host.freeGib >= ramGib &&
    host.freeVcpus >= vcpus &&
    host.freeDiskGb >= diskGb &&
    (az === undefined || az === host.row.az) &&
    (host.hasAvx512 || !needsAvx512) &&
    host.freeCells.filter((free) => free >= vcpus / numa).length >= numa
  );
}

/** Those with the least left that is enough; memory is never short where vCPUs are not. */
function cellsOn({ freeCells }: Host, { vcpus, numa = 0 }: Wish): number[] {
  return [...freeCells.entries()]
    .filter(([, free]) => free >= vcpus / numa)
    .toSorted(([i, a], [j, b]) => a - b || i - j)
    .slice(0, numa)
    .map(([cell]) => cell)
    .toSorted((a, b) => a - b);
}

function gibOf(hosts: readonly Host[]): number {
  return hosts.reduce(
    (sum, { row }) => sum + (Number(row['ramMb']) - Number(row['reservedRamMb'])) / MB_PER_GIB,
    0,
  );
}

function flavors(...rows: readonly (readonly [weight: number, vcpus: number, ramGib: number])[]): Flavor[] {
  return rows.map(([weight, vcpus, ramGib]) => ({ weight, vcpus, ramGib }));
}

function weighted(flavors: readonly Flavor[], dice: Dice): Flavor {
  let left = draw(dice) * flavors.reduce((sum, { weight }) => sum + weight, 0);
  return flavors.find(({ weight }) => (left -= weight) < 0) ?? flavors[0]!;
}
