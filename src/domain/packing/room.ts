/** Which hypervisor takes a server best? The one on which the least is left over, scarce resources first. */
import type { Draft } from './draft.ts';
import type { Model } from './model.ts';
import { poolTotals } from './pool-totals.ts';

/** How much a unit of each resource counts, at pool × resourceCount + resource. */
export interface Scarcity {
  readonly weights: Float64Array;
}

export const NOWHERE = -1;
/** Places with room that are compared, from the least room up. */
const ENOUGH = 1000;
/** A member of a soft group outweighs so much of a mean hypervisor left over. */
const WISH = 0.2;

/** A resource counts by how full the pool is of it, in units of a mean hypervisor. */
export function scarcityOf(model: Model, sharpness: number): Scarcity {
  const { total, used, members } = poolTotals(model);
  const weights = total.map((all, i) => {
    if (all <= 0) return 0;
    const pool = Math.floor(i / model.resourceCount);
    return Math.min(1, used[i]! / all) ** sharpness / (all / members[pool]!);
  });
  return { weights };
}

/** Size of one of the kind, in mean hypervisors of the pool. */
export function sizeOf(
  { resourceCount, kinds }: Model,
  kind: number,
  { weights, pool }: Scarcity & { readonly pool: number },
): number {
  let size = 0;
  for (let r = 0; r < resourceCount; r++)
    size += weights[pool * resourceCount + r]! * kinds.demand[kind * resourceCount + r]!;
  return size;
}

/**
 * The open hypervisor on which the server fits best, its home before all others; NOWHERE if there is none.
 * Where very many have room, those with the least of the scarcest resource are compared.
 */
export function bestFor(draft: Draft, server: number, { weights }: Scarcity): number {
  const { model, placement, isClosed, shelves } = draft;
  const { kinds, resourceCount } = model;
  const { free, at } = placement;
  const kind = model.kindOf[server]!;
  const home = model.home[server]!;
  if (isClosed[home] === 0 && at[server] !== home && placement.fits(server, home)) return home;
  const mayGo = kinds.mayGo[kinds.reachOf[kind]!]!;
  const pool = model.poolOf[home]!;
  const vcpus = kinds.demand[kind * resourceCount]!;
  const ramMb = kinds.demand[kind * resourceCount + 1]!;
  const wishes = wishesOf(draft, server);
  let best = NOWHERE;
  let least = Infinity;
  let found = 0;
  const end = shelves.endOf(pool);
  for (let shelf = shelves.shelfFor(pool, kind); shelf < end && found < ENOUGH; shelf++)
    for (let h = shelves.first(shelf); h >= 0; h = shelves.after(h)) {
      const has = h * resourceCount;
      if (mayGo[h] === 0 || free[has]! < vcpus || free[has + 1]! < ramMb) continue;
      found++;
      let left = wishes?.get(h) ?? 0;
      for (let r = 0; r < resourceCount; r++) left += weights[pool * resourceCount + r]! * free[has + r]!;
      if (left >= least || h === at[server] || !placement.fits(server, h)) continue;
      least = left;
      best = h;
    }
  return best;
}

/** What members of its soft groups make of the hypervisors that they are on, to be added to what is left over there. */
function wishesOf({ model, placement }: Draft, server: number): Map<number, number> | undefined {
  const { soft, softOf } = model;
  const [from, to] = [softOf.start[server]!, softOf.start[server + 1]!];
  if (from === to) return undefined;
  const wishes = new Map<number, number>();
  for (let i = from; i < to; i++) {
    const { isTogether, members } = soft[softOf.items[i]!]!;
    for (const member of members) {
      const there = placement.at[member]!;
      if (member !== server) wishes.set(there, (wishes.get(there) ?? 0) + (isTogether ? -WISH : WISH));
    }
  }
  return wishes;
}
