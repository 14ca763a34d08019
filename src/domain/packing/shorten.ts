/** Can waves take less time if some of them are taken apart and filled anew? */
import { pick, type Random } from './random.ts';
import type { Move, Timetable } from './timetable.ts';

/** Rounds at most; and places that they look at, so that a long plan takes no longer than a short one. */
const ROUNDS = 2000;
const LOOKS = 3_000_000;
/** So near to the bound there is nothing left to win. */
const NEAR = 1.005;
/** So many seconds a move may seem longer or shorter than it is, and so many places are passed over, so that no two rounds are alike. */
const BLUR_SECONDS = 10;
const PASSED_OVER = 0.05;

/**
 * Takes some waves apart and puts their moves where they cost the fewest seconds, the longest first; keeps what is
 * no worse. Only the moves named are touched: none of them may wait for another one, nor be waited for.
 */
export function shorten(
  table: Timetable,
  moves: readonly Move[],
  { bound, random }: { readonly bound: number; readonly random: Random },
): void {
  const isFree = new Set(moves);
  let looks = LOOKS;
  for (let round = 0; round < ROUNDS && looks > 0 && table.seconds > bound * NEAR; round++) {
    const taken = someWaves(table.length, random).flatMap((wave) =>
      table.movesOf(wave).flatMap((move) => (isFree.has(move) ? { move, wave } : [])),
    );
    looks -= taken.length * table.length;
    const before = table.seconds;
    for (const { move } of taken) table.remove(move);
    if (fill(table, blurred(taken, random), random) && table.seconds <= before) continue;
    for (const { move } of taken) table.remove(move);
    for (const { move, wave } of taken) table.add(wave, move);
  }
}

/** Four to nine of them. */
function someWaves(count: number, random: Random): number[] {
  const some = new Set<number>();
  const wanted = Math.min(count, 4 + pick(random, 6));
  while (some.size < wanted) some.add(pick(random, count));
  return [...some];
}

/** Longest first, by and large. */
function blurred(taken: readonly { readonly move: Move }[], random: Random): readonly Move[] {
  const blur = random() < 0.5 ? 0 : BLUR_SECONDS;
  return taken
    .map(({ move }) => ({ move, key: move.seconds + (2 * random() - 1) * blur }))
    .toSorted((a, b) => b.key - a.key)
    .map(({ move }) => move);
}

/** Whether each of them found a place. */
function fill(table: Timetable, moves: readonly Move[], random: Random): boolean {
  return moves.every((move) => {
    let best: number | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let wave = table.firstOpen(0); wave < table.length && least > 0; wave++) {
      const longer = Math.max(0, move.seconds - table.secondsOf(wave));
      if (longer >= least || !table.hasPlace(wave, move) || random() < PASSED_OVER) continue;
      best = wave;
      least = longer;
    }
    if (best !== undefined) table.add(best, move);
    return best !== undefined;
  });
}
