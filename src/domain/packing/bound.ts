/** How many hypervisors can any plan empty? No more than this: what must stay in use, and what the budget allows. */
import { addCut, type Cut, cutsOf } from './cuts.ts';
import type { Model } from './model.ts';
import { ProgramDraft, type Solve } from './program.ts';

const SLACK = 1e-6;

/** Hypervisors that a plan of so many moves can empty, at most; with a solver by all cuts together, else by each alone. */
export function boundOf(model: Model, maxMoves: number, solve?: Solve): number {
  const candidates = [...model.isCandidate.keys()].filter((h) => model.isCandidate[h] === 1);
  const cuts = cutsOf(model, maxMoves);
  const alone = Math.min(candidates.length, ...cuts.map((cut) => boundAlone(cut, candidates)));
  if (alone === 0 || cuts.length < 2 || solve === undefined) return alone;
  return Math.min(alone, boundTogether(cuts, candidates, solve));
}

/** With one cut, the lightest first is best. */
function boundAlone({ weights, limit }: Cut, candidates: readonly number[]): number {
  let left = limit + SLACK;
  let count = 0;
  for (const weight of candidates.map((h) => weights[h]!).toSorted((a, b) => a - b)) {
    left -= weight;
    if (left < 0) break;
    count++;
  }
  return count;
}

export function boundTogether(cuts: readonly Cut[], candidates: readonly number[], solve: Solve): number {
  const draft = new ProgramDraft();
  for (const _ of candidates) draft.column(-1, 1);
  for (const cut of cuts) addCut(draft, cut, candidates);
  const { bound } = solve(draft.done(), { isRelaxed: true });
  return Math.floor(-bound + SLACK);
}
