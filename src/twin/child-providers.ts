/** Providers below a hypervisor's own: its devices, where Placement counts them, and what somebody has made up. */
import { hasDevice } from './placing.ts';
import type { ChildProvider, Hypervisor } from './state.ts';
import type { World } from './world.ts';

/** As Nova names the class of a device for which the site has named none. */
const DEVICE_CLASS = 'CUSTOM_PCI_10DE_20B5';

/** Each of its devices, if they are counted, and what was made below it. */
export function childrenOf(world: World, hypervisor: Hypervisor): readonly ChildProvider[] {
  const made = (world.state.providers ?? []).filter(({ host }) => host === hypervisor.host);
  return [...(world.state.countsDevices ? devicesOf(world, hypervisor) : []), ...made];
}

/** One provider a device, as Nova keeps them; who booked first has the first. */
function devicesOf(world: World, hypervisor: Hypervisor): ChildProvider[] {
  const holders = world.bookings(hypervisor.host).filter(([consumer]) => holdsDevice(world, consumer));
  return Array.from({ length: hypervisor.stock.gpus }, (_, index) => {
    const holder = holders[index]?.[0];
    const digit = (8 + index).toString(16);
    return {
      id: `${hypervisor.id.slice(0, -2)}${digit.padStart(2, 'd')}`,
      name: `${hypervisor.name}_0000:${digit}1:00.0`,
      host: hypervisor.host,
      inventories: { [DEVICE_CLASS]: { total: 1, reserved: 0, allocation_ratio: 1 } },
      traits: [],
      allocations: holder === undefined ? {} : { [holder]: { [DEVICE_CLASS]: 1 } },
    };
  });
}

/** A server that has one, or its migration, which holds the one that it leaves. */
function holdsDevice(world: World, consumer: string): boolean {
  const id = world.state.migrations.find(({ uuid }) => uuid === consumer)?.server ?? consumer;
  const server = world.server(id);
  return server !== undefined && hasDevice(world.flavorOf(server));
}
