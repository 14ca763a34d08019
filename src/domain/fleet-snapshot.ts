/** What does a live fleet look like as a file, with what the site and the owners of its servers allow? */
import { type DrainPolicy, decideDrain } from './drain-policy.ts';
import type { Fleet, Hypervisor, Resources, Server, ServerGroup } from './fleet.ts';
import type { FleetFile, FleetGroup, FleetHypervisor, FleetServer } from './fleet-file.ts';
import { CPU_TRAIT, type Reach } from './reach.ts';
import { minus, NOTHING, plus } from './resources.ts';

/** What the cloud itself does not tell. */
export interface SnapshotRules {
  readonly reach: Reach;
  readonly policy: DrainPolicy;
  /** Aggregates that only servers enter which ask for them. */
  readonly isolatedAggregates: readonly string[];
  /** An aggregate or trait that begins so names a rack. */
  readonly rackPrefixes: readonly string[];
  /** What live migration moves, memory and disk together. */
  readonly mbPerSecond: number;
  /** Why a hypervisor is left as it is, with all that is aboard; undefined where nothing speaks against a change. */
  readonly whyLeft?: (hypervisor: Hypervisor) => string | undefined;
  /** When servers were moved last, by id, ISO 8601 in UTC. */
  readonly lastMoved?: Readonly<Record<string, string>>;
  /** Why servers stay that could be moved, by id. */
  readonly stay?: Readonly<Record<string, string>>;
}

export interface Snapshot {
  readonly fleet: FleetFile;
  /** Servers that are in no file, because they are on no hypervisor that could be seen. */
  readonly leftOut: readonly { readonly server: string; readonly why: string }[];
}

/**
 * A file of the fleet as it is now. Capacity is what Placement allows to be booked, so that no ratio is
 * left; what it books beyond the servers seen, migrations say, is reserved. What Nova's flavors demand of
 * traits or NUMA cells is not told there: that is the scheduler's to judge.
 */
export function snapshotOf(fleet: Fleet, name: string, rules: SnapshotRules): Snapshot {
  const homes = new Map(fleet.hypervisors.map((hypervisor) => [hypervisor.name, hypervisor]));
  const seen = fleet.servers.filter(({ hypervisor }) => homes.has(hypervisor));
  const aboard = Map.groupBy(seen, ({ hypervisor }) => hypervisor);
  const known = new Set(seen.map(({ id }) => id));
  return {
    fleet: {
      format: 'fleet/1',
      name,
      takenAt: fleet.takenAt,
      extraResources: [],
      isolatedAggregates: rules.isolatedAggregates,
      migrationGbps: (rules.mbPerSecond * 8) / 1000,
      hypervisors: fleet.hypervisors.map((one) => asHypervisor(one, aboard.get(one.name) ?? [], rules)),
      servers: seen.map((server) => asServer(server, homes.get(server.hypervisor)!, rules)),
      groups: fleet.groups.map((group) => asGroup(group, known)),
    },
    leftOut: fleet.servers
      .filter(({ id }) => !known.has(id))
      .map((server) => ({ server: server.id, why: whyOut(server) })),
  };
}

/**
 * The same fleet as a drain sees it: servers that do not run hold their resources and keep nothing from being
 * empty. Those of a hard group are left in, because their places count for the others.
 */
export function withoutResting(fleet: FleetFile): FleetFile {
  const grouped = new Set(
    fleet.groups.filter(({ policy }) => !policy.startsWith('soft-')).flatMap(({ members }) => members),
  );
  const rests = ({ id, status }: FleetServer): boolean =>
    !grouped.has(id) && decideDrain({ status, locked: false }).does === 'stays';
  const held = Map.groupBy(fleet.servers.filter(rests), ({ hypervisor }) => hypervisor);
  const left = new Set(fleet.servers.filter((server) => !rests(server)).map(({ id }) => id));
  return {
    ...fleet,
    hypervisors: fleet.hypervisors.map((one) => reserve(one, sumOf(held.get(one.name) ?? []))),
    servers: fleet.servers.filter(({ id }) => left.has(id)),
    groups: fleet.groups.map((group) => ({ ...group, members: group.members.filter((id) => left.has(id)) })),
  };
}

function asHypervisor(one: Hypervisor, aboard: readonly Server[], rules: SnapshotRules): FleetHypervisor {
  const { name, up, disabled, zone, aggregates, traits, capacity, used } = one;
  const { reach, rackPrefixes, whyLeft } = rules;
  const cells = cellsOf(one, reach);
  const rack = [...aggregates, ...traits].find((label) => rackPrefixes.some((p) => label.startsWith(p)));
  const out = disabled === undefined ? whyLeft?.(one) : disabled;
  const plain: FleetHypervisor = {
    name,
    ...capacity,
    cpuRatio: 1,
    ramRatio: 1,
    diskRatio: 1,
    reservedVcpus: 0,
    reservedRamMb: 0,
    reservedDiskGb: 0,
    enabled: out === undefined,
    up,
    ...(zone !== undefined && { az: zone }),
    ...(rack !== undefined && { rack }),
    ...(cells !== '' && { cell: cells }),
    aggregates,
    traits,
    extra: [],
    cpu: reach.cpuDirection ? traits.filter((trait) => trait.startsWith(CPU_TRAIT)) : [],
    ...(out !== undefined && { disabledReason: out }),
  };
  const beyond = minus(used, aboard.map(({ size }) => size).reduce(plus, NOTHING));
  return reserve(plain, beyond);
}

/** Of ratio 1; no more is reserved than there is. */
function reserve(one: FleetHypervisor, more: Resources): FleetHypervisor {
  const within = (reserved: number, extra: number, total: number): number =>
    Math.min(total, reserved + Math.max(0, extra));
  return {
    ...one,
    reservedVcpus: within(one.reservedVcpus, more.vcpus, one.vcpus),
    reservedRamMb: within(one.reservedRamMb, more.ramMb, one.ramMb),
    reservedDiskGb: within(one.reservedDiskGb, more.diskGb, one.diskGb),
  };
}

function asServer(server: Server, home: Hypervisor, rules: SnapshotRules): FleetServer {
  const { id, hypervisor, size, locked, status, projectId, createdAt } = server;
  const { reach, isolatedAggregates, lastMoved = {} } = rules;
  const pinned = whyStays(server, home, rules);
  const az = server.zone === undefined || !reach.crossAzAttach ? home.zone : (server.zone ?? undefined);
  const aggregate = home.aggregates.find((label) => isolatedAggregates.includes(label));
  const movedAt = lastMoved[id];
  return {
    id,
    hypervisor,
    ...size,
    movable: pinned === undefined,
    ...(pinned !== undefined && { pinned }),
    ...(az !== undefined && { az }),
    requiredTraits: [],
    ...(aggregate !== undefined && { aggregate }),
    locked,
    status,
    project: projectId,
    ...(createdAt !== '' && { createdAt }),
    ...(movedAt !== undefined && { lastMovedAt: movedAt }),
    localDisk: size.diskGb > 0,
    dirtyRatio: 0,
    cost: size.ramMb,
    extra: [],
  };
}

/** Why it is not live-migrated: the hypervisor's matter, its own, or its owner's wish. */
function whyStays(server: Server, home: Hypervisor, rules: SnapshotRules): string | undefined {
  const left = rules.whyLeft?.(home);
  if (left !== undefined) return `its hypervisor is left alone: ${left}`;
  const decision = decideDrain(server, rules.policy);
  switch (decision.does) {
    case 'live':
      return rules.stay?.[server.id];
    case 'stays':
      return 'does not run';
    case 'pinned':
      return server.pinned ?? decision.why;
    case 'cold':
      return 'is only to be migrated cold, as is wished for it';
    case 'stop':
      return 'is only to be stopped, as is wished for it';
    case 'waits':
    case 'held':
      return decision.why;
  }
}

function asGroup({ id, policy, maxPerHost, members }: ServerGroup, known: ReadonlySet<string>): FleetGroup {
  return { id, policy, maxPerHost, members: members.filter((member) => known.has(member)) };
}

/** Several are one of their own. */
function cellsOf({ aggregates }: Hypervisor, { cellPrefixes }: Reach): string {
  const cells = aggregates.filter((label) => cellPrefixes.some((prefix) => label.startsWith(prefix)));
  return cells.toSorted().join(' and ');
}

function sumOf(servers: readonly Resources[]): Resources {
  return servers.reduce(plus, NOTHING);
}

function whyOut({ hypervisor, status }: Server): string {
  if (status === 'UNKNOWN') return 'Nova cannot see it: its cell is down';
  return hypervisor === '' ? `it is on no hypervisor (${status})` : `no hypervisor is called ${hypervisor}`;
}
