/** How long does a migration take, and how long must all of a plan take at least? */
import type { FleetFile, FleetServer } from '../fleet-file.ts';
import type { Limits } from '../move-order.ts';

/** A migration as the clock sees it; hypervisors by index. */
export interface TimedMove {
  readonly from: number;
  readonly to: number;
  readonly seconds: number;
}

/** What each migration takes beside copying. */
const SECONDS_EACH = 8;
/** GiB over Gbps. */
const BITS_PER_BYTE = 8;

/** 8 + 8 × (GiB of memory ÷ (1 − dirty ratio) + GiB of local disk) ÷ Gbps: the format's prediction. */
export function migrationSeconds(
  { migrationGbps }: Pick<FleetFile, 'migrationGbps'>,
  { ramMb, dirtyRatio, localDisk, diskGb }: FleetServer,
): number {
  const gib = ramMb / 1024 / (1 - dirtyRatio) + (localDisk ? diskGb : 0);
  return SECONDS_EACH + (BITS_PER_BYTE * gib) / migrationGbps;
}

/**
 * Seconds that no order of the moves within the limits can beat, in waves or without: the longest move, the
 * work off and onto each hypervisor, and all work over all that may run together.
 */
export function makespanBound(moves: readonly TimedMove[], limits: Limits): number {
  const longest = moves.reduce((most, { seconds }) => Math.max(most, seconds), 0);
  const ends = queues(moves, limits).map(({ moves, together }) => workOf(moves) / Math.max(1, together));
  return ends.reduce((most, seconds) => Math.max(most, seconds), longest);
}

/**
 * Seconds that no waves one after the other can beat: in each queue (off a hypervisor, onto one, all) of which k run
 * together, the i-th longest wave lasts at least as long as the (i × k)-th longest move.
 */
export function wavesBound(moves: readonly TimedMove[], limits: Limits): number {
  const heights: number[] = [];
  for (const queue of queues(moves, limits)) {
    const longestFirst = queue.moves.map(({ seconds }) => seconds).toSorted((a, b) => b - a);
    for (let i = 0; i * queue.together < longestFirst.length; i++)
      heights[i] = Math.max(heights[i] ?? 0, longestFirst[i * queue.together]!);
  }
  return heights.reduce((sum, seconds) => sum + seconds, 0);
}

interface Queue {
  readonly moves: readonly TimedMove[];
  readonly together: number;
}

function queues(moves: readonly TimedMove[], limits: Limits): Queue[] {
  const off = Map.groupBy(moves, ({ from }) => from).values();
  const onto = Map.groupBy(moves, ({ to }) => to).values();
  const queue = (moves: readonly TimedMove[], together: number) => ({
    moves,
    together: Math.min(together, moves.length),
  });
  return [
    queue(moves, limits.parallel),
    ...off.map((moves) => queue(moves, limits.outPerHypervisor)),
    ...onto.map((moves) => queue(moves, limits.inPerHypervisor)),
  ];
}

function workOf(moves: readonly TimedMove[]): number {
  return moves.reduce((sum, { seconds }) => sum + seconds, 0);
}
