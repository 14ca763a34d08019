/** In which order are hypervisors emptied, and servers placed? */
import type { Model } from './model.ts';
import { type Scarcity, scarcityOf, sizeOf } from './room.ts';

/** How places are chosen: what counts how much, and which kinds go first. */
export interface Taste {
  readonly scarcity: Scarcity;
  /** Size by kind: the larger is placed first. */
  readonly size: Float64Array;
}

export function tasteOf(model: Model, sharpness: number): Taste {
  const scarcity = scarcityOf(model, sharpness);
  const size = new Float64Array(model.kinds.count).fill(-1);
  for (const [s, kind] of model.kindOf.entries())
    if (size[kind]! < 0)
      size[kind] = sizeOf(model, kind, { ...scarcity, pool: model.poolOf[model.home[s]!]! });
  return { scarcity, size };
}

/** What speaks against emptying a hypervisor; each figure is 1 for a mean one. */
export interface Reluctance {
  readonly servers: Float64Array;
  readonly capacity: Float64Array;
  readonly load: Float64Array;
}

export function reluctanceOf(model: Model, { scarcity, size }: Taste): Reluctance {
  const { hypervisorCount, resourceCount, poolOf, aboard, kindOf } = model;
  const servers = new Float64Array(hypervisorCount);
  const capacity = new Float64Array(hypervisorCount);
  const load = new Float64Array(hypervisorCount);
  for (let h = 0; h < hypervisorCount; h++) {
    for (let r = 0; r < resourceCount; r++)
      capacity[h]! +=
        scarcity.weights[poolOf[h]! * resourceCount + r]! * model.capacity[h * resourceCount + r]!;
    for (let i = aboard.start[h]!; i < aboard.start[h + 1]!; i++) {
      servers[h]!++;
      load[h]! += size[kindOf[aboard.items[i]!]!]!;
    }
  }
  for (const figures of [servers, capacity, load]) scale(figures, model.isCandidate);
  return { servers, capacity, load };
}

function scale(figures: Float64Array, isCandidate: Uint8Array): void {
  let sum = 0;
  let count = 0;
  for (const [h, figure] of figures.entries()) {
    sum += isCandidate[h]! * figure;
    count += isCandidate[h]!;
  }
  const mean = sum / count || 1;
  for (const h of figures.keys()) figures[h]! /= mean;
}

/** Candidates, the least reluctant first; shares say how much capacity and load count, the number of servers is the rest. */
export function orderOf(
  model: Model,
  { servers, capacity, load }: Reluctance,
  share: { readonly capacity: number; readonly load: number },
): number[] {
  const key = servers.map(
    (count, h) =>
      (1 - share.capacity - share.load) * count + share.capacity * capacity[h]! + share.load * load[h]!,
  );
  return [...model.isCandidate.keys()]
    .filter((h) => model.isCandidate[h] === 1)
    .toSorted((a, b) => key[a]! - key[b]! || a - b);
}
