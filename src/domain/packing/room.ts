/** Which hypervisor takes a server best? The one on which the least is left over, scarce resources first. */
import type { Draft } from './draft.ts';
import type { Model } from './model.ts';

/** How much a unit of each resource counts, at pool × resourceCount + resource. */
export interface Scarcity {
  readonly weights: Float64Array;
}

export const NOWHERE = -1;
/** More than any leftover: orders what is preferred before what fits better. */
const FAR = 1e6;

/** A resource counts by how full the pool is of it, in units of a mean hypervisor. */
export function scarcityOf(model: Model, sharpness: number): Scarcity {
  const { hypervisorCount, resourceCount, poolCount, poolOf, capacity, kinds } = model;
  const total = new Float64Array(poolCount * resourceCount);
  const used = new Float64Array(poolCount * resourceCount);
  const members = new Int32Array(poolCount);
  for (let h = 0; h < hypervisorCount; h++) {
    if (model.canTake[h] === 0) continue;
    members[poolOf[h]!]!++;
    for (let r = 0; r < resourceCount; r++)
      total[poolOf[h]! * resourceCount + r]! += capacity[h * resourceCount + r]!;
  }
  for (const [s, h] of model.home.entries()) {
    if (model.canTake[h] === 0) continue;
    for (let r = 0; r < resourceCount; r++)
      used[poolOf[h]! * resourceCount + r]! += kinds.demand[model.kindOf[s]! * resourceCount + r]!;
  }
  const weights = total.map((all, i) => {
    if (all <= 0) return 0;
    const pool = Math.floor(i / resourceCount);
    return Math.min(1, used[i]! / all) ** sharpness / (all / members[pool]!);
  });
  return { weights };
}

/** Size of one of the kind, in mean hypervisors of the pool. */
export function sizeOf(
  model: Model,
  kind: number,
  scarcity: { readonly weights: Float64Array; readonly pool: number },
) {
  const { resourceCount, kinds } = model;
  let size = 0;
  for (let r = 0; r < resourceCount; r++)
    size += scarcity.weights[scarcity.pool * resourceCount + r]! * kinds.demand[kind * resourceCount + r]!;
  return size;
}

/**
 * The open hypervisor on which the server fits best, its home before all others and those of `core` before
 * the rest; NOWHERE if there is none.
 */
export function bestFor(draft: Draft, server: number, { weights }: Scarcity, core?: Uint8Array): number {
  const { model, placement, isClosed } = draft;
  const { kinds, resourceCount, poolOf } = model;
  const { free } = placement;
  const kind = model.kindOf[server]!;
  const home = model.home[server]!;
  if (isClosed[home] === 0 && placement.at[server] !== home && placement.fits(server, home)) return home;
  const [vcpus, ramMb, diskGb] = [0, 1, 2].map((r) => kinds.demand[kind * resourceCount + r]!) as [
    number,
    number,
    number,
  ];
  const isPlain =
    resourceCount === 3 &&
    kinds.cells[kind] === 0 &&
    model.apartOf.start[server] === model.apartOf.start[server + 1];
  let best = NOWHERE;
  let least = Infinity;
  const reach = kinds.reach[kinds.reachOf[kind]!]!;
  for (let i = 0; i < reach.length; i++) {
    const h = reach[i]!;
    if (isClosed[h] === 1) continue;
    const has = h * resourceCount;
    if (free[has]! < vcpus || free[has + 1]! < ramMb || (diskGb > 0 && free[has + 2]! < diskGb)) continue;
    const w = poolOf[h]! * resourceCount;
    let left = core?.[h] === 0 ? FAR : 0;
    for (let r = 0; r < resourceCount; r++) left += weights[w + r]! * free[has + r]!;
    if (left >= least) continue;
    if (!isPlain && (h === placement.at[server] || !placement.fits(server, h))) continue;
    least = left;
    best = h;
  }
  return best;
}
