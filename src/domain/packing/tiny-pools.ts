/** Which pools are so small that the very best can be found by looking at everything? They are done anew, exactly. */
import type { Draft } from './draft.ts';
import { exactWays } from './exact.ts';
import type { Leg } from './legs.ts';
import type { Model } from './model.ts';

/** A tiny pool has no more hypervisors, and no more units that can move. */
const HYPERVISORS = 5;
const UNITS = 8;
/** States that are looked at in one pool, and pools that are looked at. */
const STATES = 300_000;
const POOLS = 8;

/** Legs of a tiny pool, legal in their order. */
export type TinyLegs = ReadonlyMap<number, readonly Leg[]>;

/**
 * Replaces what the draft does in tiny pools by the best way there is within what the rest of it leaves of the
 * limits; a pool with too many states is left as it is.
 */
export function redoTinyPools(
  draft: Draft,
  limits: { readonly maxMoves: number; readonly most: number },
): TinyLegs {
  const legs = new Map<number, readonly Leg[]>();
  let detours = 0;
  for (const pool of tinyPools(draft.model).slice(0, POOLS)) {
    draft.begin();
    sendHome(draft, pool);
    const best = exactWays(draft.model, pool, {
      maxMoves: limits.maxMoves - draft.moves - detours,
      most: limits.most - draft.emptied,
      states: STATES,
    })?.at(-1);
    if (best === undefined) draft.undo(0);
    else {
      go(draft, best.legs);
      legs.set(pool, best.legs);
      detours += best.legs.filter(({ isDetour }) => isDetour).length;
    }
  }
  return legs;
}

function tinyPools(model: Model): number[] {
  const { poolOf, isCandidate, home, canMove, unitOf } = model;
  const size = new Map<number, number>();
  const withCandidates = new Set<number>();
  for (const [h, pool] of poolOf.entries()) {
    size.set(pool, (size.get(pool) ?? 0) + 1);
    if (isCandidate[h] === 1) withCandidates.add(pool);
  }
  const small = new Set(
    [...withCandidates].filter((pool) => size.get(pool)! <= HYPERVISORS && size.get(pool)! > 1),
  );
  const units = new Map([...small].map((pool) => [pool, new Set<number>()]));
  for (const [s, h] of home.entries()) if (canMove[s] === 1) units.get(poolOf[h]!)?.add(unitOf[s]!);
  return [...units].filter(([, { size }]) => size <= UNITS).map(([pool]) => pool);
}

function sendHome(draft: Draft, pool: number): void {
  const { model, placement } = draft;
  for (const [h, of] of model.poolOf.entries()) if (of === pool && model.isCandidate[h] === 1) draft.open(h);
  for (const [s, home] of model.home.entries())
    if (model.poolOf[home] === pool && placement.at[s] !== home) draft.move(s, home, model.cellsAtHome[s]);
}

function go(draft: Draft, legs: readonly Leg[]): void {
  const { model, placement } = draft;
  for (const { servers, to, cells } of legs)
    for (const [i, server] of servers.entries()) draft.move(server, to, cells[i]);
  for (const { from } of legs)
    if (model.isCandidate[from] === 1 && placement.count[from] === 0) draft.close(from);
}
