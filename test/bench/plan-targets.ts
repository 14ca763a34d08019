/** What must a plan for a fleet reach, and what should it? In empty hypervisors, moves and seconds. */
import type { FleetFile } from '../../src/domain/fleet-file.ts';

/** Budgets of moves, in percent of the servers. */
export const BUDGETS = [10, 25, 100] as const;

/** One number for each of the budgets. */
type Each = readonly [number, number, number];

export interface Target {
  readonly mustEmpty: Each;
  readonly mustSeconds: number;
  readonly aimEmpty: Each;
  readonly aimSeconds: number;
  readonly aimMoves?: Each;
  /** Moves and makespan are held against their lower bounds. */
  readonly isMeasuredByBounds: boolean;
  /** A plan of OpenStack Watcher, cut off after so many actions, leaves so many empty. */
  readonly watcher?: Each;
}

export const MUST_RATIO = { moves: 1.12, makespan: 1.25 };
export const AIM_RATIO = { moves: 1.05, makespan: 1.1 };

/**
 * Fleets that are known, by what they are: hypervisors, servers, those of them that can move, server groups.
 * Generated ones of three sizes, the first two also without constraints, and clusters that two clouds have
 * published, one of them also with every server movable.
 *
 * Watcher: its `vm_workload_consolidation` (python3-watcher 9.0.0 of Debian 12, each server said to use all of
 * its flavor, audit of the whole cluster), which was run on the fleet without constraints, because it knows
 * none; its actions replayed by Placement's rules.
 */
const KNOWN: Readonly<Record<string, Target>> = {
  '100/1355/1338/29': {
    mustEmpty: [24, 41, 49],
    mustSeconds: 5,
    aimEmpty: [24, 42, 50],
    aimSeconds: 5,
    aimMoves: [133, 331, 462],
    isMeasuredByBounds: true,
  },
  '100/1355/1338/0': {
    mustEmpty: [14, 38, 50],
    mustSeconds: 5,
    aimEmpty: [25, 46, 57],
    aimSeconds: 5,
    isMeasuredByBounds: true,
    watcher: [13, 37, 49],
  },
  '100/464/464/7': {
    mustEmpty: [21, 42, 57],
    mustSeconds: 5,
    aimEmpty: [22, 43, 59],
    aimSeconds: 5,
    isMeasuredByBounds: false,
  },
  '151/1970/1970/0': {
    mustEmpty: [36, 38, 38],
    mustSeconds: 10,
    aimEmpty: [39, 39, 39],
    aimSeconds: 10,
    aimMoves: [197, 197, 197],
    isMeasuredByBounds: false,
  },
  '151/1970/1454/0': {
    mustEmpty: [0, 0, 0],
    mustSeconds: 2,
    aimEmpty: [0, 0, 0],
    aimSeconds: 2,
    aimMoves: [0, 0, 0],
    isMeasuredByBounds: false,
  },
  '1000/13803/13661/206': {
    mustEmpty: [219, 404, 482],
    mustSeconds: 20,
    aimEmpty: [226, 419, 501],
    aimSeconds: 10,
    isMeasuredByBounds: true,
  },
  '10000/137782/136141/1907': {
    mustEmpty: [2133, 3882, 4660],
    mustSeconds: 120,
    aimEmpty: [2234, 4092, 4837],
    aimSeconds: 60,
    isMeasuredByBounds: true,
  },
};

/** Of the most that the volumes allow; what known fleets of the size come to. */
const SHARES = [
  { hypervisors: 300, must: 0.95, aim: 0.97, mustSeconds: 5, aimSeconds: 5 },
  { hypervisors: 3000, must: 0.948, aim: 0.975, mustSeconds: 20, aimSeconds: 10 },
  { hypervisors: Infinity, must: 0.918, aim: 0.953, mustSeconds: 120, aimSeconds: 60 },
];

/** The target of a known fleet; for another one a share of `bounds`, the most that can be empty at each budget. */
export function targetOf(fleet: FleetFile, bounds: Each): Target {
  const { hypervisors, servers, groups } = fleet;
  const movable = servers.filter((server) => server.movable).length;
  const known = KNOWN[[hypervisors.length, servers.length, movable, groups.length].join('/')];
  if (known !== undefined) return known;
  const share = SHARES.find((one) => hypervisors.length <= one.hypervisors)!;
  const of = (part: number): Each => [
    Math.floor(bounds[0] * part),
    Math.floor(bounds[1] * part),
    Math.floor(bounds[2] * part),
  ];
  const { mustSeconds, aimSeconds } = share;
  return {
    mustEmpty: of(share.must),
    aimEmpty: of(share.aim),
    mustSeconds,
    aimSeconds,
    isMeasuredByBounds: true,
  };
}
