/** What is the best that search and solver find together, and how far may it be from the best there is? */
import type { DefragmentPolicy } from '../defragment-plan.ts';
import { boundOf } from './bound.ts';
import { classBound } from './class-bound.ts';
import { Draft } from './draft.ts';
import type { Model } from './model.ts';
import { polish } from './polish.ts';
import type { Solve } from './program.ts';
import { search } from './search.ts';

export interface BestLimits extends Pick<DefragmentPolicy, 'maxMoves' | 'seed' | 'iterations'> {
  /** Hypervisors to be emptied at most. */
  readonly most: number;
  readonly isOver: () => boolean;
  readonly progress?: (rounds: number) => void;
  readonly solve?: Solve;
}

export interface BestDraft {
  readonly draft: Draft;
  /** Hypervisors that any plan within the limits can empty, at most. */
  readonly bound: number;
}

/** Without a solver, or without time for it, the search is alone, and the bound wider. */
export function bestDraft(model: Model, limits: BestLimits): BestDraft {
  const { maxMoves, most, solve } = limits;
  const draft = search(model, limits);
  const byCuts = Math.min(most, boundOf(model, maxMoves, solve));
  if (solve === undefined || byCuts === 0 || limits.isOver()) return { draft, bound: byCuts };
  const isMost = draft.emptied === byCuts;
  const bound = isMost ? byCuts : Math.min(byCuts, classBound(model, maxMoves, solve) ?? Infinity);
  // Where no more can be emptied only moves are to be saved, and a tighter budget is the smaller question.
  const budget = draft.emptied === bound ? Math.min(maxMoves, draft.moves) : maxMoves;
  const polished = polish(draft.placement, { ...limits, maxMoves: budget, bound }, solve);
  const best = polished.placement === draft.placement ? draft : Draft.of(polished.placement);
  return { draft: best, bound: polished.isProven ? Math.min(bound, best.emptied) : bound };
}
