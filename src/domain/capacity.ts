/** Whether the running guests of a hypervisor have a legal place elsewhere, all of them together. */
import type { Fleet, Hypervisor, Resources, Server, ServerGroup } from './fleet.ts';
import { sayCount } from './say.ts';

export type Room =
  | {
      readonly found: true;
      /** A hypervisor for each guest, by server id: proof that one exists, not an order to Nova. */
      readonly places: ReadonlyMap<string, string>;
    }
  | { readonly found: false; readonly why: string };

/** Placements tried before the search gives up and calls the fleet too full. */
const TRIES = 2000;

/** A guest with the hard groups that it belongs to. */
interface Candidate {
  readonly server: Server;
  readonly groups: readonly HardGroup[];
}

interface HardGroup {
  readonly group: ServerGroup;
  /** Members on each hypervisor; counts what the search has placed so far. */
  readonly aboard: Map<string, number>;
}

/**
 * Finds a place for each of `guests`, which are on `from`: enabled, up, in the same zone, with what
 * Placement calls free, within hard server groups. Best fit, most constrained and largest first, with
 * a bounded search behind it. Flavors, traits and devices are the scheduler's to judge.
 */
export function findRoom(fleet: Fleet, from: Hypervisor, guests: readonly Server[]): Room {
  const targets = fleet.hypervisors.filter(
    (hv) => hv.name !== from.name && hv.up && hv.disabled === undefined && hv.zone === from.zone,
  );
  const free = new Map(targets.map((hv) => [hv.name, freeOn(hv)]));
  const candidates = withGroups(fleet, guests).toSorted(hardestFirst);

  const lost = candidates.find((guest) => legalPlaces(guest, free, from.name).length === 0);
  if (lost) return { found: false, why: whyNowhere(lost, free, from.name) };

  const places = new Map<string, string>();
  if (placeAll(candidates, { free, places, from: from.name, triesLeft: TRIES }))
    return { found: true, places };
  return { found: false, why: whyNotTogether(guests, free) };
}

interface Search {
  readonly free: Map<string, Resources>;
  readonly places: Map<string, string>;
  readonly from: string;
  triesLeft: number;
}

function placeAll(guests: readonly Candidate[], search: Search): boolean {
  const [guest, ...rest] = guests;
  if (guest === undefined) return true;
  for (const target of legalPlaces(guest, search.free, search.from)) {
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
function legalPlaces(guest: Candidate, free: ReadonlyMap<string, Resources>, from: string): string[] {
  return [...free]
    .filter(
      ([name, left]) => fits(guest.server.size, left) && guest.groups.every((g) => admits(g, name, from)),
    )
    .toSorted(([a, x], [b, y]) => x.ramMb - y.ramMb || x.vcpus - y.vcpus || (a < b ? -1 : 1))
    .map(([name]) => name);
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

function withGroups(fleet: Fleet, guests: readonly Server[]): Candidate[] {
  const hard = fleet.groups.filter(
    (group) => group.policy === 'affinity' || group.policy === 'anti-affinity',
  );
  const home = new Map(fleet.servers.map((server) => [server.id, server.hypervisor]));
  const mine = new Set(guests.map((guest) => guest.id));
  const groups = hard
    .filter((group) => group.members.some((id) => mine.has(id)))
    .map((group) => ({ group, aboard: countBy(group.members.map((id) => home.get(id))) }));
  return guests.map((server) => ({
    server,
    groups: groups.filter(({ group }) => group.members.includes(server.id)),
  }));
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

function whyNowhere(guest: Candidate, free: ReadonlyMap<string, Resources>, from: string): string {
  const { name, size } = guest.server;
  const narrow = guest.groups.find((g) => ![...free.keys()].some((target) => admits(g, target, from)));
  if (narrow?.group.policy === 'affinity') {
    return `server group ${narrow.group.name} (affinity) ties ${name} to this hypervisor`;
  }
  if (narrow) {
    const members = [...narrow.aboard.values()].reduce((sum, n) => sum + n, 0);
    const needed = Math.ceil(members / narrow.group.maxPerHost);
    return needed > free.size
      ? `server group ${narrow.group.name} needs ${sayCount(needed, 'hypervisor')}, ${free.size} would be left`
      : `server group ${narrow.group.name} allows ${name} on none of the ${free.size} hypervisors left`;
  }
  const group = guest.groups[0]?.group.name;
  const where = group === undefined ? 'no other hypervisor' : `none that server group ${group} allows`;
  return `no room: ${where} has ${amounts(size)} free for ${name}`;
}

function whyNotTogether(guests: readonly Server[], free: ReadonlyMap<string, Resources>): string {
  const needed = guests.map((guest) => guest.size).reduce(plus, NOTHING);
  const missing = minus(needed, [...free.values()].reduce(plus, NOTHING));
  const short = amounts(missing);
  return short === ''
    ? `no room: its ${guests.length} running guests find no place together`
    : `no room: ${short} missing for its ${guests.length} running guests`;
}

/** The positive amounts only. */
function amounts({ ramMb, vcpus, diskGb }: Resources): string {
  const parts = [
    ramMb > 0 ? `${gib(ramMb)} of memory` : '',
    vcpus > 0 ? `${vcpus} vCPU` : '',
    diskGb > 0 ? `${diskGb} GiB of disk` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** One decimal below ten, none above: `1.5 GiB`, `104 GiB`. */
function gib(mb: number): string {
  const amount = mb / 1024;
  return `${amount < 10 ? Math.round(amount * 10) / 10 : Math.round(amount)} GiB`;
}

const NOTHING: Resources = { vcpus: 0, ramMb: 0, diskGb: 0 };

/** Never negative: a hypervisor whose ratio was lowered under its load has nothing to give. */
function freeOn({ capacity, used }: Hypervisor): Resources {
  const left = minus(capacity, used);
  return { vcpus: Math.max(0, left.vcpus), ramMb: Math.max(0, left.ramMb), diskGb: Math.max(0, left.diskGb) };
}

function fits(size: Resources, free: Resources): boolean {
  return size.vcpus <= free.vcpus && size.ramMb <= free.ramMb && size.diskGb <= free.diskGb;
}

function plus(a: Resources, b: Resources): Resources {
  return { vcpus: a.vcpus + b.vcpus, ramMb: a.ramMb + b.ramMb, diskGb: a.diskGb + b.diskGb };
}

function minus(a: Resources, b: Resources): Resources {
  return { vcpus: a.vcpus - b.vcpus, ramMb: a.ramMb - b.ramMb, diskGb: a.diskGb - b.diskGb };
}
