/** Where could the servers of a hypervisor that hold devices be migrated cold to, as Placement counts them now? */
import type { Context } from '../context.ts';
import { type ColdPlaces, findColdPlaces } from '../domain/device-places.ts';
import { type DrainPolicy, decideDrain } from '../domain/drain-policy.ts';
import type { Cloud, DeviceStock, Server } from '../domain/fleet.ts';
import type { TargetSettings } from './migration-target.ts';

/** By server id. Nothing is read, and undefined answered, unless one of them is to be migrated cold with its device. */
export async function coldPlacesOf(
  { cloud, options }: Context<TargetSettings>,
  name: string,
  servers: readonly Server[],
): Promise<ColdPlaces | undefined> {
  const movers = servers.filter((server) => movesCold(server, options));
  if (movers.length === 0) return undefined;
  const devices = await cloud.devices();
  const fleet = await cloud.fleet();
  const from = fleet.hypervisors.find((one) => one.name === name);
  const { avoid } = options;
  return from && findColdPlaces({ fleet, devices, from, reach: options, avoid }, movers);
}

/** Every device of the cloud, where one of these servers is to be migrated cold with its own; else undefined, unread. */
export async function devicesFor(
  cloud: Cloud,
  servers: readonly Server[],
  policy: DrainPolicy,
): Promise<readonly DeviceStock[] | undefined> {
  return servers.some((server) => movesCold(server, policy)) ? cloud.devices() : undefined;
}

function movesCold(server: Server, policy: DrainPolicy): boolean {
  return server.pinned !== undefined && decideDrain(server, policy).does === 'cold';
}
