/** Where are guests sent, if not wherever the scheduler likes, and is it one's turn? */
import type { Context } from '../context.ts';
import { findRoom } from '../domain/capacity.ts';
import type { DrainPolicy } from '../domain/drain-policy.ts';
import type { Fleet } from '../domain/fleet.ts';
import { whyNotItsTurn } from '../domain/guest-class.ts';
import type { Reach } from '../domain/reach.ts';
import type { Guest, Scope } from './guest.ts';

export interface TargetSettings extends DrainPolicy, Reach {
  /** Hypervisors about to be drained themselves: who is sent there moves twice. */
  readonly avoid: readonly string[];
}

/**
 * Where each of these guests goes, by id, so that none of them moves twice: all of them together if they find
 * room past the hypervisors about to be drained, else those that do. Who is not named goes where the
 * scheduler likes. One reading of the fleet, and none where nothing is to be avoided.
 */
export async function chooseTargets(
  { cloud, options }: Context<TargetSettings>,
  ids: readonly string[],
  from: string,
): Promise<ReadonlyMap<string, string>> {
  if (options.avoid.length === 0 || ids.length === 0) return new Map();
  const fleet = await cloud.fleet();
  const not = soonDrained(fleet, options.avoid);
  if (not.length === 0) return new Map();
  const question = { from, not, reach: options };
  const together = placesFor(fleet, ids, question);
  if (together.size > 0) return together;
  return new Map(ids.flatMap((id) => [...placesFor(fleet, [id], question)]));
}

/** A hypervisor with room for it, none of `tried` and, if it can be, none about to be drained. */
export async function chooseAnother(
  { cloud, options }: Context<TargetSettings>,
  { id }: Pick<Guest, 'id'>,
  { from, tried }: { readonly from: string; readonly tried: readonly string[] },
): Promise<string | undefined> {
  const fleet = await cloud.fleet();
  const soon = soonDrained(fleet, options.avoid);
  const place = (not: readonly string[]) => placesFor(fleet, [id], { from, not, reach: options }).get(id);
  return place([...tried, ...soon]) ?? place(tried);
}

function soonDrained({ hypervisors }: Fleet, avoid: readonly string[]): string[] {
  return hypervisors
    .filter(({ name, up, disabled }) => avoid.includes(name) && up && disabled === undefined)
    .map(({ name }) => name);
}

/** Nobody, unless all of them find a place. */
function placesFor(
  fleet: Fleet,
  ids: readonly string[],
  { from, not, reach }: { readonly from: string; readonly not: readonly string[]; readonly reach: Reach },
): ReadonlyMap<string, string> {
  const servers = fleet.servers.filter(({ id }) => ids.includes(id));
  const source = fleet.hypervisors.find(({ name }) => name === from);
  if (source === undefined) return new Map();
  const hypervisors = fleet.hypervisors.filter(({ name }) => !not.includes(name));
  const room = findRoom({ ...fleet, hypervisors }, source, servers, reach);
  return room.found ? room.places : new Map();
}

/** Looks at a whole fleet are apart by so many pauses between two looks at one server. */
const APART = 15;

/**
 * Tells each time it is called why other members of the guest's cluster have to be well first; undefined when it
 * is its turn, or it is alone. A no is good for a while, because it takes a look at all servers.
 */
export function turnOf(
  { cloud, options }: Context<DrainPolicy & { readonly pollMs: number }>,
  { id, cluster }: Pick<Guest, 'id' | 'cluster'>,
  scope: Pick<Scope, 'now'>,
): () => Promise<string | undefined> {
  let no: { readonly why: string; readonly untilMs: number } | undefined;
  return async () => {
    if (cluster === null) return undefined;
    const nowMs = scope.now().getTime();
    if (no !== undefined && nowMs < no.untilMs) return no.why;
    const { servers } = await cloud.fleet();
    const server = servers.find((each) => each.id === id);
    const why = server && whyNotItsTurn(server, servers, options.classes);
    no = why === undefined ? undefined : { why, untilMs: nowMs + APART * options.pollMs };
    return why;
  };
}
