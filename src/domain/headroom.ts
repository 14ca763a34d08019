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
  const landing = landingOf(fleet, places);
  return poolsOf(fleet, from, headroom)
    .map((pool) => whyNotIn(fleet, pool, { landing, most: headroom.hypervisors }))
    .find((why) => why !== undefined);
}

/** Guests by the hypervisor that they have gone to. */
type Landing = ReadonlyMap<string, readonly Server[]>;

function landingOf(fleet: Fleet, places: Places): Landing {
  const { byId } = lookUp(fleet);
  const landed = [...places].map(([id, to]) => ({ to, server: byId.get(id) }));
  const groups = Map.groupBy(landed, ({ to }) => to);
  return new Map([...groups].map(([to, all]) => [to, all.flatMap(({ server }) => server ?? [])]));
}

function poolsOf({ hypervisors }: Fleet, from: Hypervisor, { pools }: Headroom): Pool[] {
  const own = pools.filter((pool) => from.aggregates.includes(pool));
  const serving = hypervisors.filter(
    ({ name, up, disabled }) => name !== from.name && up && disabled === undefined,
  );
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

function whyNotIn(
  fleet: Fleet,
  { name, members }: Pool,
  { landing, most }: { readonly landing: Landing; readonly most: number },
): string | undefined {
  if (members.length <= most)
    return `no headroom: ${sayCount(members.length, 'hypervisor')} would be left in ${name}, and ${most} may fail (headroom)`;
  const { running, ramMb } = lookUp(fleet);
  const aboard = ({ name }: Hypervisor) => [...(running.get(name) ?? []), ...(landing.get(name) ?? [])];
  const load = ({ name }: Hypervisor): number =>
    (ramMb.get(name) ?? 0) + (landing.has(name) ? sumOf(landing.get(name) ?? []).ramMb : 0);
  const failing = members.toSorted((a, b) => load(b) - load(a) || (a.name < b.name ? -1 : 1)).slice(0, most);
  const left = members
    .filter((one) => !failing.includes(one))
    .map((one) =>
      landing.has(one.name) ? { ...one, used: plus(one.used, sumOf(landing.get(one.name) ?? [])) } : one,
    );
  const guests = failing.flatMap(aboard);
  const room = findRoom({ ...fleet, hypervisors: left, groups: [] }, failing[0]!, guests);
  if (room.found) return undefined;
  const names = sayList(
    failing.map((one) => one.name),
    NAMED,
  );
  return `no headroom, should ${names} fail meanwhile: ${room.why.replace('no room: ', '')}`;
}

interface LookUp {
  readonly byId: ReadonlyMap<string, Server>;
  /** Guests that run, and their memory, by hypervisor. */
  readonly running: ReadonlyMap<string, readonly Server[]>;
  readonly ramMb: ReadonlyMap<string, number>;
}

/** A plan asks for each hypervisor of the same fleet. */
const known = new WeakMap<Fleet['servers'], LookUp>();

function lookUp({ servers }: Fleet): LookUp {
  const found = known.get(servers) ?? lookUpAnew(servers);
  known.set(servers, found);
  return found;
}

function lookUpAnew(servers: readonly Server[]): LookUp {
  const running = Map.groupBy(
    servers.filter(({ status }) => RUNS.has(status)),
    ({ hypervisor }) => hypervisor,
  );
  return {
    byId: new Map(servers.map((server) => [server.id, server])),
    running,
    ramMb: new Map([...running].map(([name, guests]) => [name, sumOf(guests).ramMb])),
  };
}

function sumOf(servers: readonly Server[]): Resources {
  return servers.reduce((sum, { size }) => plus(sum, size), NOTHING);
}
