/** How much is there of each resource in a pool, and how much is used? */
import type { Model } from './model.ts';

/** Sums over the hypervisors that take servers, at pool × resourceCount + resource; their number by pool. */
export function poolTotals(model: Model) {
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
  return { total, used, members };
}
