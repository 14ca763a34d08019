/** The same fleet without a name in it that a site has given, so that it may leave the house. */
import type { FleetFile, FleetHypervisor, FleetServer } from './fleet-file.ts';
import { byName } from './names.ts';

/** The site's word → ours, the same wherever it stands. */
type Renamed = (name: string) => string;

interface Names {
  readonly hypervisor: Renamed;
  readonly server: Renamed;
  readonly group: Renamed;
  readonly project: Renamed;
  readonly zone: Renamed;
  readonly rack: Renamed;
  readonly cell: Renamed;
  readonly aggregate: Renamed;
  readonly trait: Renamed;
  readonly resource: Renamed;
}

/** Of OpenStack itself; all else is a site's own. */
const STANDARD_TRAIT = /^(COMPUTE|HW|MISC|OWNER|STORAGE)_[A-Z0-9_]+$/;
const STANDARD_RESOURCE =
  /^(VCPU|PCPU|MEMORY_MB|DISK_GB|PCI_DEVICE|SRIOV_NET_VF|IPV4_ADDRESS|VGPU|VGPU_DISPLAY_HEAD|PGPU|MEM_ENCRYPTION_CONTEXT|FPGA|NET_BW_[A-Z_]+|NET_PACKET_[A-Z_]+|NUMA_[A-Z_]+)$/;

/** Beginnings of reasons that name nobody and nothing; what comes after them may. */
const PLAIN_REASONS = [
  'PCI device',
  'accelerator',
  'physical GPU',
  'virtual GPU',
  'does not run',
  'is locked',
  'is busy',
  'is only to be migrated cold',
  'is only to be stopped',
  'is to be migrated cold',
  'is to be stopped',
  'is being built',
  'is being rebuilt',
  'is being rebooted',
  'is being resized back',
  'is being resized',
  'is being migrated',
  'has a resize that nobody has confirmed',
  'has an owner who wants to be asked first',
  'has an owner who does not want it touched',
  'runs its rescue image',
  'is in ERROR',
  'its hypervisor is left alone',
];

/**
 * `hv001`, `s0001`, `p1` … by the order of the names, so that the same fleet gives the same file. Sizes, states,
 * dates and the traits that OpenStack itself defines stay.
 */
export function anonymise(fleet: FleetFile): FleetFile {
  const names = namesFor(fleet);
  return {
    ...fleet,
    name: 'a cloud',
    extraResources: fleet.extraResources.map(names.resource),
    isolatedAggregates: fleet.isolatedAggregates.map(names.aggregate),
    hypervisors: fleet.hypervisors.map((one) => renamedHypervisor(one, names)),
    servers: fleet.servers.map((one) => renamedServer(one, names)),
    groups: fleet.groups.map(({ id, policy, maxPerHost, members }) => ({
      id: names.group(id),
      policy,
      maxPerHost,
      members: members.map(names.server),
    })),
  };
}

function namesFor({ hypervisors, servers, groups, isolatedAggregates, extraResources }: FleetFile): Names {
  const own = (labels: readonly string[], standard: RegExp) =>
    labels.filter((label) => !standard.test(label));
  const traits = [
    ...hypervisors.flatMap((one) => [...one.traits, ...one.cpu]),
    ...servers.flatMap(({ requiredTraits }) => requiredTraits),
  ];
  const aggregates = [
    ...hypervisors.flatMap(({ aggregates }) => aggregates),
    ...servers.flatMap(({ aggregate }) => aggregate ?? []),
    ...isolatedAggregates,
  ];
  return {
    hypervisor: renaming('hv', 3, [
      ...hypervisors.map(({ name }) => name),
      ...servers.map(({ hypervisor }) => hypervisor),
    ]),
    server: renaming('s', 4, [...servers.map(({ id }) => id), ...groups.flatMap(({ members }) => members)]),
    group: renaming(
      'g',
      1,
      groups.map(({ id }) => id),
    ),
    project: renaming(
      'p',
      1,
      servers.flatMap(({ project }) => project ?? []),
    ),
    zone: renaming(
      'az',
      1,
      [...hypervisors, ...servers].flatMap(({ az }) => az ?? []),
    ),
    rack: renaming(
      'rack-',
      1,
      hypervisors.flatMap(({ rack }) => rack ?? []),
    ),
    cell: renaming(
      'cell',
      1,
      hypervisors.flatMap(({ cell }) => cell ?? []),
    ),
    aggregate: renaming('agg', 1, aggregates),
    trait: keeping(STANDARD_TRAIT, renaming('CUSTOM_TRAIT_', 1, own(traits, STANDARD_TRAIT))),
    resource: keeping(
      STANDARD_RESOURCE,
      renaming('CUSTOM_RESOURCE_', 1, own(extraResources, STANDARD_RESOURCE)),
    ),
  };
}

function renaming(prefix: string, digits: number, names: readonly string[]): Renamed {
  const sorted = [...new Set(names)].toSorted(byName);
  const width = Math.max(digits, String(sorted.length).length);
  const ours = new Map(sorted.map((name, i) => [name, prefix + String(i + 1).padStart(width, '0')]));
  return (name) => ours.get(name)!;
}

function keeping(standard: RegExp, rename: Renamed): Renamed {
  return (name) => (standard.test(name) ? name : rename(name));
}

function renamedHypervisor(one: FleetHypervisor, names: Names): FleetHypervisor {
  const { az, rack, cell, disabledReason, kernel } = one;
  return {
    ...one,
    name: names.hypervisor(one.name),
    ...(az !== undefined && { az: names.zone(az) }),
    ...(rack !== undefined && { rack: names.rack(rack) }),
    ...(cell !== undefined && { cell: names.cell(cell) }),
    aggregates: one.aggregates.map(names.aggregate),
    traits: one.traits.map(names.trait),
    cpu: one.cpu.map(names.trait),
    ...(kernel !== undefined && { kernel: withoutVersions(kernel) }),
    ...(disabledReason !== undefined && { disabledReason: 'disabled' }),
  };
}

/** Whether one awaits another kernel, not which. */
function withoutVersions({ running, next }: { running: string; next: string }) {
  return { running: 'kernel-1', next: running === next ? 'kernel-1' : 'kernel-2' };
}

function renamedServer(one: FleetServer, names: Names): FleetServer {
  const { pinned, az, aggregate, project } = one;
  return {
    ...one,
    id: names.server(one.id),
    hypervisor: names.hypervisor(one.hypervisor),
    ...(pinned !== undefined && { pinned: plainReason(pinned) }),
    ...(az !== undefined && { az: names.zone(az) }),
    requiredTraits: one.requiredTraits.map(names.trait),
    ...(aggregate !== undefined && { aggregate: names.aggregate(aggregate) }),
    ...(project !== undefined && { project: names.project(project) }),
  };
}

function plainReason(reason: string): string {
  return PLAIN_REASONS.find((plain) => reason.startsWith(plain)) ?? 'cannot be moved';
}
