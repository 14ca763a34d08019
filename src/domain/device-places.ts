/** Where is a device free like the one that a server holds, so that it can be migrated cold to it? */
import { findRoom } from './capacity.ts';
import type { DeviceStock, Fleet, Hypervisor, Server } from './fleet.ts';
import { isReachable, type Reach } from './reach.ts';
import { plus } from './resources.ts';
import { sayCount, sayList } from './say.ts';

/** The hypervisor that has a device for it and room, or why there is none. */
type ColdPlace = { readonly to: string } | { readonly why: string };

/** By server id. */
export type ColdPlaces = Readonly<Record<string, ColdPlace>>;

export interface ColdQuestion {
  readonly fleet: Fleet;
  readonly devices: readonly DeviceStock[];
  /** The hypervisor that they are on. */
  readonly from: Hypervisor;
  readonly reach: Reach;
  /** Hypervisors that are taken only where no other will do: they are about to be drained themselves. */
  readonly avoid?: readonly string[];
}

/** What a server holds of one class; where devices are told apart, the traits of its own. */
interface Need {
  readonly resourceClass: string;
  readonly traits: readonly string[];
  readonly amount: number;
}

/** What the servers before have been given is given to nobody else. */
interface Left {
  fleet: Fleet;
  /** By provider and class. */
  readonly devices: Map<string, number>;
}

/**
 * A place for each of `servers`, one after the other, by Placement's books: like for like, so the same resource class
 * with at least the same traits of the device's own provider, on another hypervisor that is up and enabled and has
 * room beside. What Placement does not count is not known to be free.
 */
export function findColdPlaces(question: ColdQuestion, servers: readonly Server[]): ColdPlaces {
  const devices = question.devices.map((stock) => [keyOf(stock), freeOf(stock)] as const);
  const left: Left = { fleet: question.fleet, devices: new Map(devices) };
  return Object.fromEntries(servers.map((server) => [server.id, placeFor(question, left, server)]));
}

function placeFor(question: ColdQuestion, left: Left, server: Server): ColdPlace {
  const { from, reach, avoid = [] } = question;
  const needs = needsOf(question.devices, server);
  if (needs.length === 0)
    return { why: 'Placement does not count its device, so none is known to be free elsewhere' };
  const inService = left.fleet.hypervisors.filter(
    (one) => one.name !== from.name && one.up && one.disabled === undefined && isReachable(from, one, reach),
  );
  const able = inService.filter(({ name }) =>
    needs.every((need) => freeFor(question.devices, left, { need, on: [name] }) >= need.amount),
  );
  if (able.length === 0) return { why: whyNoDevice(question.devices, left, { needs, inService }) };

  const soon = able.filter(({ name }) => avoid.includes(name));
  let cramped = '';
  for (const hypervisors of [able.filter((one) => !soon.includes(one)), able]) {
    const room = findRoom({ ...left.fleet, hypervisors }, from, [server], reach);
    if (room.found) {
      const to = room.places.get(server.id)!;
      take(question.devices, left, { server, needs, to });
      return { to };
    }
    cramped = room.why;
  }
  const names = sayList(
    able.map(({ name }) => name),
    3,
  );
  return { why: `a device like its own is free on ${names}, but ${cramped}` };
}

function needsOf(devices: readonly DeviceStock[], { id }: Server): Need[] {
  const mine = devices.filter(({ bookedBy }) => (bookedBy[id] ?? 0) > 0);
  const alike = Map.groupBy(mine, ({ resourceClass, traits }) =>
    [resourceClass, ...traits.toSorted()].join(' '),
  );
  return [...alike.values()].map((rows) => ({
    resourceClass: rows[0]!.resourceClass,
    traits: rows[0]!.traits,
    amount: rows.reduce((sum, { bookedBy }) => sum + (bookedBy[id] ?? 0), 0),
  }));
}

function suits({ resourceClass, traits }: DeviceStock, need: Need): boolean {
  return resourceClass === need.resourceClass && need.traits.every((trait) => traits.includes(trait));
}

function freeFor(
  devices: readonly DeviceStock[],
  left: Left,
  { need, on }: { need: Need; on: readonly string[] },
): number {
  return devices
    .filter((stock) => on.includes(stock.hypervisor) && suits(stock, need))
    .reduce((sum, stock) => sum + (left.devices.get(keyOf(stock)) ?? 0), 0);
}

/** `no device of class VGPU is free elsewhere (0 of 6)`. */
function whyNoDevice(
  devices: readonly DeviceStock[],
  left: Left,
  { needs, inService }: { needs: readonly Need[]; inService: readonly Hypervisor[] },
): string {
  const names = inService.map(({ name }) => name);
  const counts = needs.map((need) => ({
    need,
    free: freeFor(devices, left, { need, on: names }),
    all: devices
      .filter((stock) => names.includes(stock.hypervisor) && suits(stock, need))
      .reduce((sum, { capacity }) => sum + capacity, 0),
  }));
  const none = counts.find(({ need, free }) => free < need.amount) ?? counts[0]!;
  const { resourceClass, amount } = none.need;
  if (amount === 1 && none.free === 0)
    return `no device of class ${resourceClass} is free elsewhere (0 of ${none.all})`;
  const what = `${sayCount(amount, 'device')} of class ${resourceClass}`;
  return `no other hypervisor has all free that it needs: ${what} (${none.free} of ${none.all} free in all)`;
}

function take(
  devices: readonly DeviceStock[],
  left: Left,
  { server, needs, to }: { server: Server; needs: readonly Need[]; to: string },
): void {
  for (const need of needs) {
    let still = need.amount;
    for (const stock of devices.filter((one) => one.hypervisor === to && suits(one, need))) {
      const free = left.devices.get(keyOf(stock)) ?? 0;
      const taken = Math.min(free, still);
      left.devices.set(keyOf(stock), free - taken);
      still -= taken;
    }
  }
  const hypervisors = left.fleet.hypervisors.map((one) =>
    one.name === to ? { ...one, used: plus(one.used, server.size) } : one,
  );
  left.fleet = { ...left.fleet, hypervisors };
}

function keyOf({ provider, resourceClass }: DeviceStock): string {
  return `${provider} ${resourceClass}`;
}

/** Never negative: an inventory may have been lowered under its bookings. */
function freeOf({ capacity, bookedBy }: DeviceStock): number {
  return Math.max(0, capacity - Object.values(bookedBy).reduce((sum, amount) => sum + amount, 0));
}
