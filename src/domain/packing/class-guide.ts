/** In which order are hypervisors emptied best? As a program by class would, if servers could be cut. */
import { classModelOf } from './class-model.ts';
import { stakeOf } from './classes.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';
import type { Solve } from './program.ts';

/**
 * Candidates: first those that the program empties, then those that it is the nearest to emptying. A greedy search
 * in this order comes within a few hypervisors of the program. Undefined where the solver was stopped or gave up.
 */
export function classOrder(
  model: Model,
  limits: { readonly maxMoves: number; readonly isOver?: () => boolean },
  solve: Solve,
): number[] | undefined {
  const { maxMoves, ...rest } = limits;
  const { program, emptied } = classModelOf(stakeOf(new Placement(model)), { maxMoves, isSketch: true });
  const { status, x, reducedCost } = solve(program, { isRelaxed: true, ...rest });
  if (status !== 'optimal') return undefined;
  const shareOf = (h: number) => x[emptied[h]!]!;
  const priceOf = (h: number) => reducedCost[emptied[h]!]!;
  return [...emptied.keys()]
    .filter((h) => emptied[h]! >= 0)
    .toSorted((a, b) => shareOf(b) - shareOf(a) || priceOf(a) - priceOf(b) || a - b);
}
