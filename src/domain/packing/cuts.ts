/** What must stay in use whatever the plan? Room for what cannot go elsewhere: by volume, by number and by NUMA cell. */
import type { Model } from './model.ts';
import { Entries, type ProgramDraft } from './program.ts';

/** Σ weight of the emptied hypervisors ≤ limit, in every plan. */
export interface Cut {
  readonly weights: Float64Array;
  readonly limit: number;
}

/** Distinct sizes that are counted, at most, of each resource. */
const SIZES = 12;
/** Cuts of one set that are kept. */
const OF_A_SET = 10;

/**
 * The cuts of each set of hypervisors that binds servers: each reach, and each pool. What is bound to a set
 * stays in it, on hypervisors that are not empty, so those that are kept have at least as much room as it takes.
 */
export function cutsOf(model: Model, maxMoves: number): Cut[] {
  const candidates = [...model.isCandidate.keys()].filter((h) => model.isCandidate[h] === 1);
  const sets = [...model.kinds.mayGo, ...poolMasks(model)];
  const cuts = sets.flatMap((set) => tightest(cutsOfSet(model, set), candidates));
  return [...cuts, budgetCut(model, maxMoves)].filter((cut) => tightness(cut, candidates) > 0);
}

/** The cuts of one set by which the most is forbidden. */
function tightest(cuts: readonly Cut[], candidates: readonly number[]): Cut[] {
  const by = new Map(cuts.map((cut) => [cut, tightness(cut, candidates)]));
  return cuts.toSorted((a, b) => by.get(b)! - by.get(a)!).slice(0, OF_A_SET);
}

/** The share of a cut's weight that has to stay. */
function tightness({ weights, limit }: Cut, candidates: readonly number[]): number {
  let sum = 0;
  for (const h of candidates) sum += weights[h]!;
  return sum <= limit ? 0 : (sum - limit) / sum;
}

/** Each server of an emptied hypervisor moves. */
function budgetCut({ aboard, hypervisorCount }: Model, maxMoves: number): Cut {
  const weights = new Float64Array(hypervisorCount).map((_, h) => aboard.start[h + 1]! - aboard.start[h]!);
  return { weights, limit: maxMoves };
}

function poolMasks({ poolOf, poolCount, canTake, isCandidate }: Model): Uint8Array[] {
  const masks: Uint8Array[] = [];
  for (let pool = 0; pool < poolCount; pool++)
    if (poolOf.some((of, h) => of === pool && isCandidate[h] === 1))
      masks.push(canTake.map((can, h) => (poolOf[h] === pool ? can : 0)));
  return masks;
}

function cutsOfSet(model: Model, set: Uint8Array): Cut[] {
  const bound = boundTo(model, set);
  if (bound.length === 0) return [];
  const { kinds, kindOf, resourceCount, capacity, cellStart, hypervisorCount } = model;
  const cuts: Cut[] = [];
  const cut = (room: (h: number) => number, size: (kind: number) => number) =>
    cuts.push(cutOf(model, { set, bound, room, size }));
  const sizes = (size: (kind: number) => number) =>
    [...new Set(bound.map((s) => size(kindOf[s]!)))]
      .filter((one) => one > 0)
      .toSorted((a, b) => b - a)
      .slice(0, SIZES);
  for (let r = 0; r < resourceCount; r++) {
    const demand = (kind: number) => kinds.demand[kind * resourceCount + r]!;
    const has = (h: number) => capacity[h * resourceCount + r]!;
    cut(has, demand);
    for (const least of sizes(demand))
      cut(
        (h) => Math.max(0, Math.floor(has(h) / least)),
        (kind) => (demand(kind) >= least ? 1 : 0),
      );
  }
  for (const [share, cells] of [
    [kinds.cellVcpus, model.cellVcpus],
    [kinds.cellRamMb, model.cellRamMb],
  ] as const)
    for (const least of sizes((kind) => share[kind]!)) {
      const parts = new Float64Array(hypervisorCount);
      for (let h = 0; h < hypervisorCount; h++)
        for (let cell = cellStart[h]!; cell < cellStart[h + 1]!; cell++)
          parts[h]! += Math.floor(cells[cell]! / least);
      cut(
        (h) => parts[h]!,
        (kind) => (share[kind]! >= least ? kinds.cells[kind]! : 0),
      );
    }
  return cuts;
}

/** Servers in the set that stay in it: they cannot move, or may go to hypervisors of the set only. */
function boundTo(model: Model, set: Uint8Array): number[] {
  const { kinds, kindOf, home, canMove } = model;
  const isWithin = kinds.reach.map((reach) => reach.every((h) => set[h] === 1));
  const bound: number[] = [];
  for (let s = 0; s < model.serverCount; s++)
    if (set[home[s]!] === 1 && (canMove[s] === 0 || isWithin[kinds.reachOf[kindOf[s]!]!])) bound.push(s);
  return bound;
}

/** What one has now counts as room where it has more than it should. */
function cutOf(
  { hypervisorCount, home, kindOf, wasEmpty }: Model,
  ask: {
    readonly set: Uint8Array;
    readonly bound: readonly number[];
    readonly room: (hypervisor: number) => number;
    readonly size: (kind: number) => number;
  },
): Cut {
  const used = new Float64Array(hypervisorCount);
  for (const s of ask.bound) used[home[s]!]! += ask.size(kindOf[s]!);
  let limit = 0;
  const weights = new Float64Array(hypervisorCount).map((_, h) => {
    if (ask.set[h] === 0 || wasEmpty[h] === 1) return 0;
    const room = Math.max(ask.room(h), used[h]!);
    limit += room - used[h]!;
    return room;
  });
  return { weights, limit };
}

/** The cut as a row over the candidates, its weights 1 at most. */
export function addCut(draft: ProgramDraft, { weights, limit }: Cut, candidates: readonly number[]): void {
  const scale = Math.max(...candidates.map((h) => weights[h]!));
  const entries = new Entries();
  for (const [i, h] of candidates.entries()) entries.add(i, weights[h]! / scale);
  draft.row(-Infinity, limit / scale, entries);
}
