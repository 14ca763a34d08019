/** Where is a guest sent, if not wherever the scheduler likes, and is it its turn? */
import type { Context } from '../context.ts';
import { findRoom } from '../domain/capacity.ts';
import type { DrainPolicy } from '../domain/drain-policy.ts';
import type { Fleet } from '../domain/fleet.ts';
import { whyNotItsTurn } from '../domain/guest-class.ts';
import type { Reach } from '../domain/reach.ts';
import type { Guest } from './guest.ts';

export interface TargetSettings extends DrainPolicy, Reach {
  /** Hypervisors about to be drained themselves: who is sent there moves twice. */
  readonly avoid: readonly string[];
}

/**
 * A hypervisor with room for it, none of `tried` and, if it can be, none of those about to be drained.
 * Undefined: the scheduler may choose as well as we, or there is no such place.
 */
export async function chooseTarget(
  { cloud, options }: Context<TargetSettings>,
  { id }: Pick<Guest, 'id'>,
  { from, tried }: { readonly from: string; readonly tried: readonly string[] },
): Promise<string | undefined> {
  if (tried.length === 0 && options.avoid.length === 0) return undefined;
  const fleet = await cloud.fleet();
  const soon = fleet.hypervisors
    .filter(({ name, up, disabled }) => options.avoid.includes(name) && up && disabled === undefined)
    .map(({ name }) => name);
  if (tried.length === 0 && soon.length === 0) return undefined;
  const place = (not: readonly string[]) => placeFor(fleet, id, { from, not, reach: options });
  return place([...tried, ...soon]) ?? (tried.length === 0 ? undefined : place(tried));
}

function placeFor(
  fleet: Fleet,
  id: string,
  { from, not, reach }: { readonly from: string; readonly not: readonly string[]; readonly reach: Reach },
): string | undefined {
  const server = fleet.servers.find((each) => each.id === id);
  const source = fleet.hypervisors.find(({ name }) => name === from);
  if (server === undefined || source === undefined) return undefined;
  const hypervisors = fleet.hypervisors.filter(({ name }) => !not.includes(name));
  const room = findRoom({ ...fleet, hypervisors }, source, [server], reach);
  return room.found ? room.places.get(id) : undefined;
}

/** Why other members of its cluster have to be well first; undefined when it is its turn, or it is alone. */
export async function whyItWaits(
  { cloud, options }: Context<DrainPolicy>,
  { id, cluster }: Pick<Guest, 'id' | 'cluster'>,
): Promise<string | undefined> {
  if (cluster === null) return undefined;
  const { servers } = await cloud.fleet();
  const server = servers.find((each) => each.id === id);
  return server && whyNotItsTurn(server, servers, options.classes);
}
