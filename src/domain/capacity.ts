/** Whether the running guests of a hypervisor have a legal place elsewhere, all of them together. */
import type { Fleet, Hypervisor, Resources, Server, ServerGroup } from './fleet.ts';
import { ANYWHERE, isReachable, type Reach, whyUnreachable } from './reach.ts';
import { amounts, fits, freeOn, minus, NOTHING, plus } from './resources.ts';
import { sayCount, sayList } from './say.ts';

export type Room =
  | {
      readonly found: true;
      /** A hypervisor for each guest, by server id: proof that one exists, not an order to Nova. */
      readonly places: ReadonlyMap<string, string>;
    }
  | { readonly found: false; readonly why: string };

/** Placements tried before the search gives up and calls the fleet too full. */
const TRIES = 2000;

/** A guest with the zone that it has to stay in, if any, and the hard groups that it belongs to. */
interface Candidate {
  readonly server: Server;
  readonly zone: string | undefined;
  readonly groups: readonly HardGroup[];
}

interface HardGroup {
  readonly group: ServerGroup;
  /** Members on each hypervisor; counts what the search has placed so far. */
  readonly aboard: Map<string, number>;
}

/**
 * Finds a place for each of `guests`, which are on `from`: enabled, up, in the zone that binds the guest,
 * with what Placement calls free, within hard server groups. Where Nova does not tell what binds a guest,
 * it is the zone of `from`. Best fit, most constrained and largest first, with a bounded search behind it.
 *
 * Flavors, traits and devices are the scheduler's to judge, so moves name no target. Where the scheduler
 * sends a guest into another zone, because nothing bound it after all, the others have the more room here.
 */
export function findRoom(
  fleet: Fleet,
  from: Hypervisor,
  guests: readonly Server[],
  reach: Reach = ANYWHERE,
): Room {
  const near = within(fleet, from, reach);
  const bound = (zone: (server: Server) => string | undefined) =>
    withGroups(
      fleet,
      guests.map((server) => ({ server, zone: zone(server) })),
    );
  const room = search(near, from, bound(zoneOf));
  if (room.found) return room;
  const far = fleet.hypervisors.filter((one) => !near.hypervisors.includes(one));
  if (far.length > 0) {
    const there = search(fleet, from, bound(zoneOf));
    const used = there.found ? far.filter(({ name }) => [...there.places.values()].includes(name)) : [];
    if (there.found)
      return { found: false, why: `${room.why}; others have room, but ${whyUnreachable(from, used, reach)}` };
  }
  if (
    !search(
      near,
      from,
      bound(() => undefined),
    ).found
  )
    return room;
  return { found: false, why: `${room.why}; other zones have room, ${whyNotThere(guests, from, reach)}` };

  function zoneOf({ zone }: Server): string | undefined {
    return zone === undefined || !reach.crossAzAttach ? from.zone : (zone ?? undefined);
  }
}

function within(fleet: Fleet, from: Hypervisor, reach: Reach): Fleet {
  return { ...fleet, hypervisors: fleet.hypervisors.filter((one) => isReachable(from, one, reach)) };
}

function whyNotThere(guests: readonly Server[], { zone = '' }: Hypervisor, { crossAzAttach }: Reach): string {
  if (!crossAzAttach) return `but no server can use its volumes outside zone ${zone} (crossAzAttach=false)`;
  const bound = guests.filter((guest) => typeof guest.zone === 'string');
  if (bound.length === 0) return `but this Nova does not tell which servers may leave zone ${zone}`;
  const names = sayList(
    bound.map(({ name }) => name),
    3,
  );
  return `but Nova keeps ${names} in zone ${bound[0]?.zone}`;
}

function search(fleet: Fleet, from: Hypervisor, guests: readonly Candidate[]): Room {
  const targets = fleet.hypervisors.filter(
    (hv) => hv.name !== from.name && hv.up && hv.disabled === undefined && isOpenTo(guests, hv),
  );
  const free = new Map(targets.map((hv) => [hv.name, freeOn(hv)]));
  const zones = new Map(targets.map((hv) => [hv.name, hv.zone]));
  const candidates = guests.toSorted(hardestFirst);
  const places = new Map<string, string>();
  const seek = { free, zones, places, from: from.name, triesLeft: TRIES };

  const lost = candidates.find((guest) => !hasPlace(guest, seek));
  if (lost) return { found: false, why: whyNowhere(lost, seek) };
  if (placeAll(candidates, seek)) return { found: true, places };
  return { found: false, why: whyNotTogether(candidates, free) };
}

function isOpenTo(guests: readonly Candidate[], { zone }: Hypervisor): boolean {
  return guests.some((guest) => isWithin(guest, zone));
}

interface Search {
  readonly free: Map<string, Resources>;
  readonly zones: ReadonlyMap<string, string | undefined>;
  readonly places: Map<string, string>;
  readonly from: string;
  triesLeft: number;
}

function placeAll(guests: readonly Candidate[], search: Search): boolean {
  const [guest, ...rest] = guests;
  if (guest === undefined) return true;
  for (const target of legalPlaces(guest, search)) {
    if (search.triesLeft-- <= 0) return false;
    const before = search.free.get(target) ?? NOTHING;
    search.free.set(target, minus(before, guest.server.size));
    search.places.set(guest.server.id, target);
    for (const { aboard } of guest.groups) aboard.set(target, (aboard.get(target) ?? 0) + 1);
    if (placeAll(rest, search)) return true;
    for (const { aboard } of guest.groups) aboard.set(target, (aboard.get(target) ?? 0) - 1);
    search.places.delete(guest.server.id);
    search.free.set(target, before);
  }
  return false;
}

/** Tightest first, so that large guests still find a large hole. */
function legalPlaces(guest: Candidate, { free, zones, from }: Search): string[] {
  return [...free]
    .filter(([name, left]) => isLegal(guest, name, { left, zone: zones.get(name), from }))
    .toSorted(([a, x], [b, y]) => x.ramMb - y.ramMb || x.vcpus - y.vcpus || (a < b ? -1 : 1))
    .map(([name]) => name);
}

function hasPlace(guest: Candidate, { free, zones, from }: Search): boolean {
  for (const [name, left] of free)
    if (isLegal(guest, name, { left, zone: zones.get(name), from })) return true;
  return false;
}

function isLegal(
  guest: Candidate,
  target: string,
  { left, zone, from }: { left: Resources; zone: string | undefined; from: string },
): boolean {
  return (
    isWithin(guest, zone) &&
    fits(guest.server.size, left) &&
    guest.groups.every((group) => admits(group, target, from))
  );
}

function isWithin(guest: Candidate, zone: string | undefined): boolean {
  return guest.zone === undefined || guest.zone === zone;
}

/**
 * Nova's rule. Every member counts, also a stopped one. Hard affinity admits only hypervisors that hold
 * a member already, and a server's own hypervisor is no target, so such a group can be drained nowhere
 * unless it is split.
 */
function admits({ group, aboard }: HardGroup, target: string, from: string): boolean {
  const there = aboard.get(target) ?? 0;
  return group.policy === 'affinity' ? there > 0 && target !== from : there < group.maxPerHost;
}

function withGroups(fleet: Fleet, guests: readonly Omit<Candidate, 'groups'>[]): Candidate[] {
  const hard = fleet.groups.filter(
    (group) => group.policy === 'affinity' || group.policy === 'anti-affinity',
  );
  const mine = new Set(guests.map(({ server }) => server.id));
  const groups = hard
    .filter((group) => group.members.some((id) => mine.has(id)))
    .map((group) => ({ group, aboard: countBy(group.members.map((id) => homes(fleet).get(id))) }));
  return guests.map((guest) => ({
    ...guest,
    groups: groups.filter(({ group }) => group.members.includes(guest.server.id)),
  }));
}

/** A plan asks for each hypervisor of the same fleet. */
const known = new WeakMap<Fleet['servers'], ReadonlyMap<string, string>>();

function homes({ servers }: Fleet): ReadonlyMap<string, string> {
  const home = known.get(servers) ?? new Map(servers.map(({ id, hypervisor }) => [id, hypervisor]));
  known.set(servers, home);
  return home;
}

function countBy(names: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function hardestFirst(a: Candidate, b: Candidate): number {
  return (
    b.groups.length - a.groups.length ||
    b.server.size.ramMb - a.server.size.ramMb ||
    b.server.size.vcpus - a.server.size.vcpus ||
    (a.server.id < b.server.id ? -1 : 1)
  );
}

function whyNowhere(guest: Candidate, { free, zones, from }: Search): string {
  const { name, size } = guest.server;
  const targets = [...free.keys()].filter((target) => isWithin(guest, zones.get(target)));
  const narrow = guest.groups.find((g) => !targets.some((target) => admits(g, target, from)));
  if (narrow?.group.policy === 'affinity') {
    return `server group ${narrow.group.name} (affinity) ties ${name} to this hypervisor`;
  }
  if (narrow) {
    const members = [...narrow.aboard.values()].reduce((sum, n) => sum + n, 0);
    const needed = Math.ceil(members / narrow.group.maxPerHost);
    return needed > targets.length
      ? `server group ${narrow.group.name} needs ${sayCount(needed, 'hypervisor')}, ${targets.length} would be left`
      : `server group ${narrow.group.name} allows ${name} on none of the ${targets.length} hypervisors left`;
  }
  const group = guest.groups[0]?.group.name;
  const where = group === undefined ? 'no other hypervisor' : `none that server group ${group} allows`;
  return `no room: ${where} has ${amounts(size)} free for ${name}`;
}

function whyNotTogether(guests: readonly Candidate[], free: ReadonlyMap<string, Resources>): string {
  const needed = guests.map(({ server }) => server.size).reduce(plus, NOTHING);
  const missing = minus(needed, [...free.values()].reduce(plus, NOTHING));
  const short = amounts(missing);
  return short === ''
    ? `no room: its ${guests.length} running guests find no place together`
    : `no room: ${short} missing for its ${guests.length} running guests`;
}
