/** In which order are hypervisors emptied best? As a program by class would, if servers could be cut. */
import { classModelOf } from './class-model.ts';
import { stakeOf } from './classes.ts';
import type { Model } from './model.ts';
import { Placement } from './placement.ts';
import type { Solve } from './program.ts';
import { randomFrom } from './random.ts';

/** Programs of so many hypervisors take seconds; one of ten times as many takes minutes. */
const BLOCK = 1000;

interface GuideLimits {
  readonly maxMoves: number;
  readonly isOver?: () => boolean;
}

/**
 * Candidates: first those that the program empties, then those that it is the nearest to emptying. A greedy search
 * in this order comes within a few hypervisors of the program. A large fleet is dealt out into blocks that are much
 * alike, each with its share of the budget. Undefined where the solver was stopped or gave up.
 */
export function classOrder(model: Model, limits: GuideLimits, solve: Solve): number[] | undefined {
  const start = new Placement(model);
  const ranks: Rank[] = [];
  for (const block of blocksOf(model)) {
    const found = ranksIn(start, { ...limits, block }, solve);
    if (found === undefined) return undefined;
    ranks.push(...found);
  }
  return ranks
    .toSorted((a, b) => b.share - a.share || a.price - b.price || a.hypervisor - b.hypervisor)
    .map(({ hypervisor }) => hypervisor);
}

interface Rank {
  readonly hypervisor: number;
  /** How much of it the program empties. */
  readonly share: number;
  /** What emptying more of it would cost; the less, the nearer. */
  readonly price: number;
}

function ranksIn(
  start: Placement,
  { block, maxMoves, ...limits }: GuideLimits & { readonly block: readonly number[] },
  solve: Solve,
): Rank[] | undefined {
  const aboard = block.reduce((sum, h) => sum + start.count[h]!, 0);
  if (aboard === 0) return [];
  const { program, emptied } = classModelOf(stakeOf(start, block), {
    maxMoves: Math.round((maxMoves * aboard) / start.model.serverCount),
    isSketch: true,
  });
  const { status, x, reducedCost } = solve(program, { isRelaxed: true, ...limits });
  if (status !== 'optimal') return undefined;
  return block
    .filter((h) => emptied[h]! >= 0)
    .map((h) => ({ hypervisor: h, share: x[emptied[h]!]!, price: reducedCost[emptied[h]!]! }));
}

/** As few blocks of the same size as can be. */
function blocksOf({ canTake, hypervisorCount }: Model): number[][] {
  const random = randomFrom(hypervisorCount);
  const dealt = [...canTake.keys()]
    .filter((h) => canTake[h] === 1)
    .map((h) => ({ h, turn: random() }))
    .toSorted((a, b) => a.turn - b.turn);
  const count = Math.ceil(dealt.length / BLOCK);
  return Array.from({ length: count }, (_, block) =>
    dealt.filter((_, i) => i % count === block).map(({ h }) => h),
  );
}
