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
function capacityOf({ stock }: Hypervisor): Sizes {
  return {
    vcpus: Math.floor(stock.vcpus * stock.cpuRatio),
    ramMb: stock.ramMb - stock.reservedRamMb,
    diskGb: stock.diskGb,
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
    hasFreeDevice(world, hypervisor, flavor) &&
    groupAdmits(world, host, server)
  );
}

function fits(world: World, hypervisor: Hypervisor, flavor: Flavor): boolean {
  const capacity = capacityOf(hypervisor);
  const used = world.used(hypervisor.host);
  return (['vcpus', 'ramMb', 'diskGb'] as const).every((what) => used[what] + flavor[what] <= capacity[what]);
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
  const group = world.state.groups.find(({ id }) => id === server.group);
  if (group === undefined || group.policy.startsWith('soft-')) return true;
  const others = Object.values(world.state.servers).filter(
    (other) => other.group === group.id && other.id !== server.id && other.host !== null,
  );
  const isThere = (other: Server) => other.host === host || world.state.allocations[other.id]?.host === host;
  if (group.policy === 'anti-affinity') return !others.some(isThere);
  return others.every(isThere);
}
