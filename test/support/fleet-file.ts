/** Small fleets as they lie in a file; each part may be told otherwise. */
import type { FleetFile, FleetHypervisor, FleetServer } from '../../src/domain/fleet-file.ts';

const HYPERVISOR: Omit<FleetHypervisor, 'name'> = {
  vcpus: 32,
  ramMb: 65_536,
  diskGb: 1000,
  cpuRatio: 2,
  ramRatio: 1,
  diskRatio: 1,
  reservedVcpus: 0,
  reservedRamMb: 1024,
  reservedDiskGb: 0,
  enabled: true,
  up: true,
  aggregates: [],
  traits: [],
  extra: [],
  cpu: [],
};

const SERVER: Omit<FleetServer, 'id' | 'hypervisor'> = {
  vcpus: 2,
  ramMb: 4096,
  diskGb: 0,
  movable: true,
  requiredTraits: [],
  locked: false,
  status: 'ACTIVE',
  localDisk: false,
  dirtyRatio: 0,
  cost: 4096,
  extra: [],
};

type Wish = Partial<Omit<FleetFile, 'hypervisors' | 'servers'>> & {
  /** By name. */
  readonly hypervisors: Readonly<Record<string, Partial<FleetHypervisor>>>;
  /** By id; on the first hypervisor if nothing else is said. */
  readonly servers?: Readonly<Record<string, Partial<FleetServer>>>;
};

export function fleetFile({ hypervisors, servers = {}, ...more }: Wish): FleetFile {
  const [first = ''] = Object.keys(hypervisors);
  return {
    format: 'fleet/1',
    name: 'small',
    extraResources: [],
    isolatedAggregates: [],
    migrationGbps: 10,
    groups: [],
    ...more,
    hypervisors: Object.entries(hypervisors).map(([name, own]) => ({ ...HYPERVISOR, ...own, name })),
    servers: Object.entries(servers).map(([id, own]) => ({ ...SERVER, hypervisor: first, ...own, id })),
  };
}
