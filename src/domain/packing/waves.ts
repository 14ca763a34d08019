/** Which legs run together, so that the waves are few and short? What begins when within them is `MoveOrder`'s to say. */
import type { Limits } from '../move-order.ts';
import type { Leg } from './legs.ts';
import { wavesBound } from './makespan.ts';
import type { Random } from './random.ts';
import { shorten } from './shorten.ts';
import { type Move, Timetable } from './timetable.ts';

export interface WavesQuestion {
  /** In a legal order. */
  readonly legs: readonly Leg[];
  /** Legs by index that must be over before each begins. */
  readonly waits: readonly (readonly number[])[];
  readonly limits: Limits;
  /** Predicted seconds of a migration, by server. */
  readonly seconds: (server: number) => number;
  readonly random: Random;
}

/**
 * Waves of moves within the limits, which are at least 1. The longest go first, each into the wave that it
 * makes longer by the least, so that moves of similar length meet; then waves are taken apart and filled anew
 * while that helps. Servers that go together go in one wave, or in waves one right after the other.
 */
export function wavesOf({
  legs,
  waits,
  limits,
  seconds,
  random,
}: WavesQuestion): readonly (readonly Move[])[] {
  const movesOf = legs.map((leg) => longestFirst(leg, seconds));
  const table = new Timetable(limits);
  const together = Math.min(limits.parallel, limits.outPerHypervisor, limits.inPerHypervisor);
  const ends = new Int32Array(legs.length);
  for (const i of urgentFirst(movesOf, waits)) {
    const earliest = waits[i]!.reduce((latest, before) => Math.max(latest, ends[before]! + 1), 0);
    ends[i] = place(table, movesOf[i]!, { earliest, together });
  }
  const isAwaited = new Set(waits.flat());
  const free = movesOf.flatMap((moves, i) =>
    moves.length === 1 && waits[i]!.length === 0 && !isAwaited.has(i) ? moves : [],
  );
  shorten(table, free, { bound: wavesBound(movesOf.flat(), limits), random });
  return table.waves();
}

function longestFirst({ servers, from, to, cells }: Leg, seconds: (server: number) => number): Move[] {
  return servers
    .map((server, i) => ({ server, from, to, cells: cells[i]!, seconds: seconds(server) }))
    .toSorted((a, b) => b.seconds - a.seconds);
}

/** A leg is as urgent as the longest that waits for it; among equals, the order is kept. */
function urgentFirst(movesOf: readonly Move[][], waits: readonly (readonly number[])[]): number[] {
  const urgency = Float64Array.from(movesOf, (moves) => moves[0]!.seconds);
  for (let i = waits.length - 1; i >= 0; i--)
    for (const before of waits[i]!) urgency[before] = Math.max(urgency[before]!, urgency[i]!);
  return [...urgency.keys()].toSorted((a, b) => urgency[b]! - urgency[a]! || a - b);
}

/** Puts the moves of a leg, so many together, where they cost the fewest seconds; answers the last wave. */
function place(
  table: Timetable,
  moves: readonly Move[],
  { earliest, together }: { readonly earliest: number; readonly together: number },
): number {
  const waveOf = (first: number, i: number) => first + Math.floor(i / together);
  let best = table.length;
  let least = Number.POSITIVE_INFINITY;
  for (
    let first = table.firstOpen(earliest);
    first <= Math.max(earliest, table.length) && least > 0;
    first++
  ) {
    const fits = moves.every(
      (move, i) =>
        i % together > 0 || table.hasPlace(waveOf(first, i), move, Math.min(together, moves.length - i)),
    );
    if (!fits) continue;
    const longer = moves.reduce(
      (sum, { seconds }, i) =>
        i % together === 0 ? sum + Math.max(0, seconds - table.secondsOf(waveOf(first, i))) : sum,
      0,
    );
    if (longer >= least) continue;
    best = first;
    least = longer;
  }
  for (const [i, move] of moves.entries()) table.add(waveOf(best, i), move);
  return waveOf(best, moves.length - 1);
}
