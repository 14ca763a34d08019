/** Which hypervisors would be emptied if room were a liquid? The order in which the real ones are tried. */
import { boundTogether } from './bound.ts';
import { addCut, type Cut } from './cuts.ts';
import type { Model } from './model.ts';
import { Entries, ProgramDraft, type Solve } from './program.ts';

/** How far below the bound the orders aim, in shares of it: real servers do not fill every gap. */
const AIMS = [0, 0.005, 0.01, 0.02, 0.04];

/**
 * Orders of the candidates, for several aims: the fewest moves that free so many, by all cuts at once, price
 * each hypervisor with its servers and with the room that it has.
 */
export function* guidedOrders(model: Model, cuts: readonly Cut[], solve: Solve): Generator<number[]> {
  const candidates = [...model.isCandidate.keys()].filter((h) => model.isCandidate[h] === 1);
  const bound = boundTogether(cuts, candidates, solve);
  const aims = new Set(AIMS.map((less) => Math.round(bound * (1 - less))));
  for (const aim of aims) {
    const { status, reducedCost } = solve(fewestMoves(model, { cuts, candidates, aim }), { isRelaxed: true });
    if (status !== 'optimal') continue;
    yield [...candidates.keys()]
      .toSorted((a, b) => reducedCost[a]! - reducedCost[b]! || a - b)
      .map((i) => candidates[i]!);
  }
}

function fewestMoves(
  { aboard }: Model,
  {
    cuts,
    candidates,
    aim,
  }: { readonly cuts: readonly Cut[]; readonly candidates: readonly number[]; readonly aim: number },
) {
  const draft = new ProgramDraft();
  const all = new Entries();
  for (const [i, h] of candidates.entries()) {
    draft.column(aboard.start[h + 1]! - aboard.start[h]!, 1);
    all.add(i, 1);
  }
  draft.row(aim, Infinity, all);
  for (const cut of cuts) addCut(draft, cut, candidates);
  return draft.done();
}
