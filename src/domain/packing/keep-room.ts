/** When a plan is done, could the fullest hypervisors of each pool fail, and their servers find room? */
import { sayCount } from '../say.ts';
import { Draft } from './draft.ts';
import { drain } from './drain.ts';
import { giveBack } from './improve.ts';
import type { Taste } from './taste.ts';

/**
 * Gives hypervisors back, those with most servers first, until so many of each pool could be lost at once. Empty ones
 * count as room. The answer: what was given back, and why.
 */
export function keepRoom(draft: Draft, lost: number, taste: Taste): ReadonlyMap<number, string> {
  const { model, placement } = draft;
  const givenBack = new Map<number, string>();
  if (lost === 0) return givenBack;
  const emptied = [...model.isCandidate.keys()].filter(
    (h) => model.isCandidate[h] === 1 && placement.count[h] === 0,
  );
  const servers = (h: number) => model.aboard.start[h + 1]! - model.aboard.start[h]!;
  for (const [pool, all] of Map.groupBy(emptied, (h) => model.poolOf[h]!))
    for (const h of all.toSorted((a, b) => servers(b) - servers(a) || a - b)) {
      if (hasRoom(draft, { pool, lost, taste })) break;
      giveBack(draft, h);
      givenBack.set(
        h,
        `emptying it would leave no room for the loss of ${sayCount(lost, 'hypervisor')} (keepEmpty)`,
      );
    }
  return givenBack;
}

/** Evacuates the fullest, as a trial, onto all others of the pool. */
function hasRoom(
  { model, placement }: Draft,
  { pool, lost, taste }: { readonly pool: number; readonly lost: number; readonly taste: Taste },
): boolean {
  const trial = new Draft(model);
  for (const [s, h] of placement.at.entries())
    if (model.poolOf[h] === pool && h !== model.home[s]) trial.move(s, h, placement.cells[s]);
  const members = [...model.canTake.keys()].filter((h) => model.poolOf[h] === pool && model.canTake[h] === 1);
  for (const h of members) trial.open(h);
  const { resourceCount } = model;
  const load = (h: number) => {
    let sum = 0;
    for (let r = 0; r < resourceCount; r++) {
      const i = h * resourceCount + r;
      sum += taste.scarcity.weights[pool * resourceCount + r]! * (model.capacity[i]! - placement.free[i]!);
    }
    return sum;
  };
  const fullest = members.toSorted((a, b) => load(b) - load(a) || a - b).slice(0, lost);
  for (const h of fullest) trial.close(h);
  return fullest.every((h) => drain(trial, h, { taste, maxMoves: Infinity }));
}
