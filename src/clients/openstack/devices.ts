/** Placement's devices: how many of which class each provider has, what they are like, and who holds them. */
import type { z } from 'zod';
import type { DeviceStock } from '../../domain/fleet.ts';
import { unlessGone } from './error.ts';
import { inParallel } from './in-parallel.ts';
import { Allocations, capacityOfClass, Inventories, Traits, Trees } from './placement.ts';
import type { Session } from './session.ts';

/** What a guest holds as a thing: Nova's own classes of devices, and whatever a site or a driver has made up. */
const DEVICE = /^(VGPU|PGPU|PCI_DEVICE|FPGA|SRIOV_NET_VF|CUSTOM_.+)$/;

/** Providers that are asked at once. */
const PARALLEL = 8;

/** Of every provider tree; what is gone while it is read is left out. */
export async function listDevices(session: Session): Promise<DeviceStock[]> {
  const { resource_providers: all } = await session(
    { service: 'placement', method: 'GET', path: '/resource_providers' },
    Trees,
  );
  const nameOf = new Map(all.map(({ uuid, name }) => [uuid, name]));
  const rows = await inParallel(all, PARALLEL, async ({ uuid, root_provider_uuid: root }) => {
    const path = `/resource_providers/${uuid}`;
    const ask = <T>(what: string, schema: z.ZodType<T>) =>
      unlessGone(session({ service: 'placement', method: 'GET', path: `${path}/${what}` }, schema));
    const { inventories = {} } = (await ask('inventories', Inventories)) ?? {};
    const classes = Object.keys(inventories).filter((name) => DEVICE.test(name));
    if (classes.length === 0) return [];
    const [booked, known] = await Promise.all([ask('allocations', Allocations), ask('traits', Traits)]);
    const holders = Object.entries(booked?.allocations ?? {});
    return classes.map((resourceClass) => ({
      hypervisor: nameOf.get(root) ?? root,
      provider: uuid,
      resourceClass,
      capacity: capacityOfClass(inventories, resourceClass),
      bookedBy: Object.fromEntries(
        holders.flatMap(([consumer, { resources }]) =>
          resources[resourceClass] === undefined ? [] : [[consumer, resources[resourceClass]]],
        ),
      ),
      traits: root === uuid ? [] : (known?.traits ?? []),
    }));
  });
  return rows.flat();
}
