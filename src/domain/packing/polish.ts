/** What does the solver make of the best placement found? Small fleets, and small pools of large ones, are asked about as a whole. */
import type { Model } from './model.ts';
import type { Placement } from './placement.ts';
import type { Solve } from './program.ts';
import { type ClassAnswer, type ClassAsk, solveClasses } from './solve-classes.ts';

export interface PolishLimits {
  readonly maxMoves: number;
  /** Hypervisors to be emptied at most. */
  readonly most: number;
  /** No placement empties more: where as many are empty, only moves can be saved. */
  readonly bound: number;
  readonly seed: number;
  readonly isOver: () => boolean;
}

/** Beyond, a program takes minutes. */
const MOST_HYPERVISORS = 160;
const MOST_COLUMNS = 15_000;
/** A program with a given number to empty is the easier one, as long as there are few numbers to try. */
const MOST_AIMS = 2;
/** From fast to thorough; the first without shuffling, for most fleets need none. */
const ASKS: readonly Pick<ClassAsk, 'isKernel' | 'isShuffling' | 'nodes'>[] = [
  { isKernel: true, nodes: 1 },
  { nodes: 1 },
  { isShuffling: true, nodes: 1 },
];

/** The best placement that the solver could make of one, and whether it is proven that there is no better. */
export interface Polished {
  readonly placement: Placement;
  readonly isProven: boolean;
}

/** Never worse. Proven means: within the budget none leaves more of the fleet empty, nor as many with fewer moves. */
export function polish(placement: Placement, limits: PolishLimits, solve: Solve): Polished {
  const parts = partsOf(placement.model);
  const takers = placement.model.canTake.reduce((sum, can) => sum + can, 0);
  let best: Polished = { placement, isProven: false };
  for (const hypervisors of parts) best = polishPart(best.placement, { ...limits, hypervisors }, solve);
  return { ...best, isProven: best.isProven && parts[0]?.length === takers };
}

/** The whole fleet, or where it is too large each pool that is not. */
function partsOf({ hypervisorCount, canTake, poolOf, poolCount, isCandidate }: Model): number[][] {
  const takers = [...canTake.keys()].filter((h) => canTake[h] === 1);
  const pools =
    hypervisorCount <= MOST_HYPERVISORS
      ? [takers]
      : Array.from({ length: poolCount }, (_, pool) => takers.filter((h) => poolOf[h] === pool));
  return pools.filter(
    (pool) => pool.length > 1 && pool.length <= MOST_HYPERVISORS && pool.some((h) => isCandidate[h] === 1),
  );
}

type Part = PolishLimits & { readonly hypervisors: readonly number[] };

function polishPart(placement: Placement, part: Part, solve: Solve): Polished {
  let best = placement;
  let isSettled = false;
  for (const ask of ASKS) {
    if (part.isOver()) break;
    if (isSettled && ask.isShuffling !== true) continue;
    const answer = askAll(best, ask, { part, solve });
    best = answer.placement;
    if (answer.isProven) return answer;
    if (answer.columns > MOST_COLUMNS) break;
    isSettled = answer.isSettled;
  }
  return { placement: best, isProven: false };
}

/** From the most that could be emptied down to what is: the first that can be is the best. */
function askAll(
  placement: Placement,
  ask: (typeof ASKS)[number],
  { part, solve }: { readonly part: Part; readonly solve: Solve },
): ClassAnswer {
  const { most, bound, ...limits } = part;
  const now = emptiedIn(placement, part.hypervisors);
  const top = Math.min(bound, most) - (emptiedIn(placement) - now);
  const askFor = (wanted: Pick<ClassAsk, 'minEmpty' | 'maxEmpty'>) =>
    solveClasses(placement, { ...limits, ...ask, ...wanted }, solve);
  if (top - now > MOST_AIMS || top < now) return askFor({ maxEmpty: top });
  let answer = askFor({ minEmpty: top });
  for (let aim = top - 1; aim >= now && answer.placement === placement && !part.isOver(); aim--) {
    const { isSettled, isProven } = answer;
    answer = askFor({ minEmpty: aim });
    answer = { ...answer, isSettled: answer.isSettled && isSettled, isProven: answer.isProven && isProven };
  }
  return answer;
}

function emptiedIn(
  { model, count }: Placement,
  hypervisors: Iterable<number> = model.canTake.keys(),
): number {
  let emptied = 0;
  for (const h of hypervisors) if (model.isCandidate[h] === 1 && count[h] === 0) emptied++;
  return emptied;
}
