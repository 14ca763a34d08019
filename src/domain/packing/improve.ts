/** What small change makes a draft better? Give some hypervisors back, empty others, keep it if it is no worse. */
import type { Draft } from './draft.ts';
import { drain } from './drain.ts';
import { pick, type Random } from './random.ts';
import { type Reluctance, sample, type Taste } from './taste.ts';

export interface Change {
  readonly maxMoves: number;
  readonly most: number;
  readonly random: Random;
  readonly taste: Taste;
  readonly reluctance: Reluctance;
}

/** Hypervisors given back at once, and tried instead, at most. */
const GIVEN_BACK = 3;
const TRIED = 12;
const EJECTIONS = 60;

/** One change; the draft is never worse after it. */
export function changeOnce(draft: Draft, { random, taste, maxMoves, most }: Change): boolean {
  const { model, placement } = draft;
  const candidates = [...model.isCandidate.keys()].filter((h) => model.isCandidate[h] === 1);
  const emptied = candidates.filter((h) => placement.count[h] === 0);
  const used = candidates.filter((h) => placement.count[h]! > 0);
  const before = { emptied: draft.emptied, moves: draft.moves, cost: draft.cost };
  draft.begin();
  const mark = draft.mark();
  for (const h of sample(random, emptied, pick(random, GIVEN_BACK + 1))) giveBack(draft, h);
  for (const h of sample(random, used, TRIED)) {
    if (draft.emptied >= most) break;
    drain(draft, h, { taste, maxMoves, ejections: EJECTIONS });
  }
  returnHome(draft);
  const isWorse =
    draft.emptied !== before.emptied
      ? draft.emptied < before.emptied
      : draft.moves !== before.moves
        ? draft.moves > before.moves
        : draft.cost > before.cost;
  if (isWorse) draft.undo(mark);
  return !isWorse;
}

/** Opens a hypervisor that was to be emptied; its servers stay there after all. */
export function giveBack(draft: Draft, hypervisor: number): void {
  const { aboard, cellsAtHome } = draft.model;
  draft.open(hypervisor);
  for (let i = aboard.start[hypervisor]!; i < aboard.start[hypervisor + 1]!; i++) {
    const server = aboard.items[i]!;
    draft.move(server, hypervisor, cellsAtHome[server]);
  }
}

/** Lets servers stay where they are when their hypervisor is not emptied and has room. */
export function returnHome(draft: Draft): void {
  const { model, placement, isClosed } = draft;
  for (const [s, home] of model.home.entries()) {
    if (placement.at[s] === home || isClosed[home] === 1) continue;
    if (placement.fits(s, home)) draft.move(s, home);
  }
}
