/** Where Nova's scheduler puts a server, by the rules that the simulated cloud has. */

import { isUp } from './power.ts';
import type { Allocation, Flavor, Hypervisor, Server } from './state.ts';
import type { World } from './world.ts';

export type Sizes = Omit<Allocation, 'host'>;

export function sizesOf({ vcpus, ramMb, diskGb }: Flavor): Sizes {
  return { vcpus, ramMb, diskGb };
}

/** Whether its flavor asks for a PCI device, which no live migration takes along. */
export function hasDevice({ extraSpecs }: Flavor): boolean {
  return extraSpecs['pci_passthrough:alias'] !== undefined;
}

/** Placement's floor((total - reserved) × allocation ratio). */
export function capacityOf({ stock }: Pick<Hypervisor, 'stock'>): Sizes {
  const { vcpus, ramMb, diskGb, cpuRatio, ramRatio = 1, diskRatio = 1 } = stock;
  const { reservedVcpus = 0, reservedRamMb, reservedDiskGb = 0 } = stock;
  return {
    vcpus: Math.floor((vcpus - reservedVcpus) * cpuRatio),
    ramMb: Math.floor((ramMb - reservedRamMb) * ramRatio),
    diskGb: Math.floor((diskGb - reservedDiskGb) * diskRatio),
  };
}

/**
 * The service host that Nova would choose: the one with the most free memory, the first of several;
 * with `wanted`, that one or none; `except` those. Undefined is Nova's "No valid host was found".
 */
export function chooseHost(
  world: World,
  server: Server,
  { wanted, except }: { readonly wanted: string | null; readonly except?: ReadonlySet<string> },
): string | undefined {
  const asked = wanted === null ? Object.values(world.state.hypervisors) : [world.hypervisor(wanted)];
  let best: { readonly host: string; readonly freeMb: number } | undefined;
  for (const hypervisor of asked) {
    const { host } = hypervisor;
    const freeMb = capacityOf(hypervisor).ramMb - world.used(host).ramMb;
    if (except?.has(host) || (best !== undefined && freeMb <= best.freeMb)) continue;
    if (admits(world, hypervisor, server)) best = { host, freeMb };
  }
  return best?.host;
}

function admits(world: World, hypervisor: Hypervisor, server: Server): boolean {
  const { host, disabled, cell } = hypervisor;
  if (disabled || !isUp(world, hypervisor) || host === server.host) return false;
  if (server.host !== null && cell !== world.cellOf(server)) return false;
  if (server.zone !== undefined && world.zoneOf(host) !== server.zone) return false;
  const flavor = world.flavorOf(server);
  return (
    fits(world, hypervisor, flavor) &&
    hasTraits(hypervisor, flavor) &&
    aggregatesAdmit(world, host, flavor) &&
    hasFreeDevice(world, hypervisor, flavor) &&
    groupAdmits(world, host, server)
  );
}

function fits(world: World, hypervisor: Hypervisor, flavor: Flavor): boolean {
  const capacity = capacityOf(hypervisor);
  const used = world.used(hypervisor.host);
  return (['vcpus', 'ramMb', 'diskGb'] as const).every((what) => used[what] + flavor[what] <= capacity[what]);
}

function hasTraits({ traits }: Hypervisor, { extraSpecs }: Flavor): boolean {
  return Object.entries(extraSpecs).every(
    ([key, value]) => value !== 'required' || !key.startsWith('trait:') || traits.includes(key.slice(6)),
  );
}

/** It has the aggregate that is needed, and is in no isolated one beside. */
function aggregatesAdmit(world: World, host: string, { aggregate }: Flavor): boolean {
  const isolated = world.isolatedOf(host);
  if (aggregate === undefined) return isolated.length === 0;
  return isolated.every((name) => name === aggregate) && world.isIn(host, aggregate);
}

function hasFreeDevice(world: World, { host, stock }: Hypervisor, flavor: Flavor): boolean {
  if (!hasDevice(flavor)) return true;
  if (stock.gpus === 0) return false;
  const booked = world.bookings(host).map(([consumer]) => world.server(consumer));
  const taken = booked.filter((server) => server !== undefined && hasDevice(world.flavorOf(server)));
  return taken.length < stock.gpus;
}

/** Hard policies only; a member that is on its way counts at both ends. */
function groupAdmits(world: World, host: string, server: Server): boolean {
  const group = world.findGroup(server.group);
  if (group === undefined || group.policy.startsWith('soft-')) return true;
  const others = world.membersOf(group.id).filter((other) => other.id !== server.id && other.host !== null);
  const isThere = (other: Server) => other.host === host || world.state.allocations[other.id]?.host === host;
  if (group.policy === 'anti-affinity') return others.filter(isThere).length < (group.maxPerHost ?? 1);
  return others.every(isThere);
}
