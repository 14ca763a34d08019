/** What small change makes a draft better? Give some hypervisors back, empty others, keep it if it is no worse. */
import type { Draft } from './draft.ts';
import { drain } from './drain.ts';
import { pick, type Random } from './random.ts';
import type { Taste } from './taste.ts';

export interface Change {
  readonly maxMoves: number;
  readonly most: number;
  readonly random: Random;
  readonly taste: Taste;
  /** Candidates, those that are worth emptying first: changes are tried where the emptied end and the others begin. */
  readonly order: readonly number[];
  /** What is worth less than this is taken back. */
  readonly floor: number;
}

/** One more empty hypervisor is worth so many moves on the way to better ones. */
const MOVES_PER_HYPERVISOR = 20;

export function worth({ emptied, moves }: Pick<Draft, 'emptied' | 'moves'>): number {
  return emptied * MOVES_PER_HYPERVISOR - moves;
}

/** Hypervisors given back at once, at most. */
const GIVEN_BACK = 3;
/** Hypervisors tried then, at most. */
const TRIED = 5;
/** How far from the border of emptied and others a change is tried, in shares of the order: one or the other. */
const REACHES = [0.25, 1];

/** One change, taken back if it is worse and not worth the floor. */
export function changeOnce(draft: Draft, { random, taste, maxMoves, most, order, floor }: Change): void {
  const { placement } = draft;
  const before = { emptied: draft.emptied, moves: draft.moves, cost: draft.cost };
  const emptied = order.filter((h) => placement.count[h] === 0);
  const used = order.filter((h) => placement.count[h]! > 0);
  const reach = REACHES[pick(random, REACHES.length)]!;
  const near = (all: readonly number[]) => Math.floor(all.length * reach * random() ** 2 + random() * 4);
  draft.begin();
  const back = emptied.length === 0 ? 0 : pick(random, GIVEN_BACK + 1);
  for (let i = 0; i < back; i++) {
    const h = emptied[emptied.length - 1 - Math.min(emptied.length - 1, near(emptied))]!;
    if (placement.count[h] === 0) giveBack(draft, h);
  }
  for (let i = 0; i < back + TRIED && draft.emptied < most && used.length > 0; i++) {
    const h = used[Math.min(used.length - 1, near(used))]!;
    if (placement.count[h]! > 0) drain(draft, h, { taste, maxMoves, random });
  }
  returnHome(draft);
  if (compare(draft, before) < 0 && worth(draft) < floor) draft.undo(0);
}

/** Above 0 where `one` is better: more emptied, then fewer moves, then less moved. */
export function compare(one: Worth, other: Worth): number {
  return one.emptied - other.emptied || other.moves - one.moves || other.cost - one.cost;
}

type Worth = Pick<Draft, 'emptied' | 'moves' | 'cost'>;

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
