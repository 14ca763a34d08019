/** With a hypervisor out of service, could the largest of the others still fail, and its guests find room? */
import { findRoom } from './capacity.ts';
import type { Fleet, Hypervisor, Resources, Server } from './fleet.ts';
import { NOTHING, plus } from './resources.ts';
import { sayCount, sayList } from './say.ts';

export interface Headroom {
  /** So many may fail at once. */
  readonly hypervisors: number;
  /** Aggregates that are pools of their own; whatever is in none of them belongs to the pool of its zone. */
  readonly pools: readonly string[];
}

export const NO_HEADROOM: Headroom = { hypervisors: 0, pools: [] };

/** Where the guests of `from` have gone, by server id. */
type Places = ReadonlyMap<string, string>;

interface Pool {
  readonly name: string;
  readonly members: readonly Hypervisor[];
}

const RUNS = new Set(['ACTIVE', 'PAUSED']);
const NAMED = 3;

/**
 * Counts memory, vCPU and disk of the guests that run, with those of `from` where `places` puts them. Server
 * groups are not counted: after a failure guests are put wherever there is room. Undefined when there is room.
 */
export function whyNoHeadroom(
  fleet: Fleet,
  from: Hypervisor,
  { headroom, places }: { readonly headroom: Headroom; readonly places: Places },
): string | undefined {
  if (headroom.hypervisors === 0) return undefined;
  const after = moved(fleet, from, places);
  return poolsOf(after, from, headroom)
    .map((pool) => whyNotIn(after, pool, headroom.hypervisors))
    .find((why) => why !== undefined);
}

/** The fleet once `from` is empty and out of service. */
function moved(fleet: Fleet, from: Hypervisor, places: Places): Fleet {
  const sizes = new Map(fleet.servers.map(({ id, size }) => [id, size]));
  const landed = new Map<string, Resources>();
  for (const [id, to] of places) landed.set(to, plus(landed.get(to) ?? NOTHING, sizes.get(id) ?? NOTHING));
  return {
    ...fleet,
    groups: [],
    hypervisors: fleet.hypervisors.map((one) => ({
      ...one,
      used: plus(one.used, landed.get(one.name) ?? NOTHING),
      ...(one.name === from.name ? { up: false } : {}),
    })),
    servers: fleet.servers.map((server) => ({
      ...server,
      hypervisor: places.get(server.id) ?? server.hypervisor,
    })),
  };
}

function poolsOf({ hypervisors }: Fleet, from: Hypervisor, { pools }: Headroom): Pool[] {
  const own = pools.filter((pool) => from.aggregates.includes(pool));
  const serving = hypervisors.filter(({ up, disabled }) => up && disabled === undefined);
  if (own.length > 0)
    return own.map((pool) => ({
      name: pool,
      members: serving.filter(({ aggregates }) => aggregates.includes(pool)),
    }));
  const members = serving.filter(
    ({ zone, aggregates }) => zone === from.zone && !pools.some((pool) => aggregates.includes(pool)),
  );
  return [{ name: from.zone ?? 'its zone', members }];
}

function whyNotIn(fleet: Fleet, { name, members }: Pool, most: number): string | undefined {
  if (members.length <= most)
    return `no headroom: ${sayCount(members.length, 'hypervisor')} would be left in ${name}, and ${most} may fail (headroom)`;
  const aboard = Map.groupBy(
    fleet.servers.filter(({ status }) => RUNS.has(status)),
    ({ hypervisor }) => hypervisor,
  );
  const load = ({ name }: Hypervisor): number => sumOf(aboard.get(name) ?? []).ramMb;
  const failing = members.toSorted((a, b) => load(b) - load(a) || (a.name < b.name ? -1 : 1)).slice(0, most);
  const left = new Set(members.filter((one) => !failing.includes(one)).map((one) => one.name));
  const after: Fleet = {
    ...fleet,
    hypervisors: fleet.hypervisors.map((one) => (left.has(one.name) ? one : { ...one, up: false })),
  };
  const guests = failing.flatMap((one) => aboard.get(one.name) ?? []);
  const room = findRoom(after, failing[0]!, guests);
  if (room.found) return undefined;
  const names = sayList(
    failing.map((one) => one.name),
    NAMED,
  );
  return `no headroom, should ${names} fail meanwhile: ${room.why.replace('no room: ', '')}`;
}

function sumOf(servers: readonly Server[]): Resources {
  return servers.reduce((sum, { size }) => plus(sum, size), NOTHING);
}
