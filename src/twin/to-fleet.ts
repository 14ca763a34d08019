/** The simulated cloud as a file of a fleet, as whoever looks at it finds it now. */
import type { FleetFile, FleetHypervisor, FleetServer } from '../domain/fleet-file.ts';
import { statusOf } from './nova-rows.ts';
import { hasDevice } from './placing.ts';
import { isUp } from './power.ts';
import type { Hypervisor, Server } from './state.ts';
import type { World } from './world.ts';

const GIGABIT_MB = 125;
/** Why a server with a device stays where it is. */
const DEVICE = 'PCI device';

/** Servers that are on no hypervisor are left out. */
export function fleetOf(world: World, name: string): FleetFile {
  const { state } = world;
  const placed = Object.values(state.servers).filter(({ host }) => host !== null);
  return {
    format: 'fleet/1',
    name,
    takenAt: new Date(world.now).toISOString(),
    extraResources: [],
    isolatedAggregates: state.aggregates.flatMap(({ name, isolated }) => (isolated ? [name] : [])),
    migrationGbps: state.pace.mbPerSecond / GIGABIT_MB,
    hypervisors: Object.values(state.hypervisors).map((each) => hypervisorIn(world, each)),
    servers: placed.map((server) => serverIn(world, server)),
    groups: state.groups.map(({ id, policy, maxPerHost = 1 }) => ({
      id,
      policy,
      maxPerHost,
      members: world.membersOf(id).map((member) => member.id),
    })),
  };
}

function hypervisorIn(world: World, hypervisor: Hypervisor): FleetHypervisor {
  const { name, host, cell, traits, disabled, disabledReason, boot, kernels } = hypervisor;
  const { gpus: _, ...stock } = hypervisor.stock;
  const others = world.state.aggregates.filter(({ zone, hosts }) => zone === null && hosts.includes(host));
  return {
    name,
    ramRatio: 1,
    diskRatio: 1,
    reservedVcpus: 0,
    reservedDiskGb: 0,
    ...stock,
    enabled: !disabled,
    up: isUp(world, hypervisor),
    az: world.zoneOf(host),
    cell,
    aggregates: others.map((aggregate) => aggregate.name),
    traits,
    extra: [],
    cpu: [],
    kernel: { running: boot.kernel, next: kernels.at(-1) ?? boot.kernel },
    ...(disabled && { disabledReason: disabledReason ?? '' }),
  };
}

function serverIn(world: World, server: Server): FleetServer {
  const { id, host, zone, locked, projectId, createdAt, dirtyRatio = 0, localDisk = false } = server;
  const flavor = world.flavorOf(server);
  const { vcpus, ramMb, diskGb, aggregate, extraSpecs } = flavor;
  const isPinned = hasDevice(flavor);
  const required = Object.entries(extraSpecs).filter(([, value]) => value === 'required');
  return {
    id,
    hypervisor: world.nameOf(host ?? ''),
    vcpus,
    ramMb,
    diskGb,
    movable: !isPinned,
    ...(isPinned && { pinned: DEVICE }),
    ...(zone !== undefined && { az: zone }),
    requiredTraits: required.map(([key]) => key.replace(/^trait:/, '')),
    ...(aggregate !== undefined && { aggregate }),
    locked,
    status: statusOf(server),
    project: projectId,
    createdAt: new Date(createdAt).toISOString(),
    localDisk,
    dirtyRatio,
    cost: ramMb,
    extra: [],
  };
}
