/** Has a plan reached what it must, and what it should? */

import type { Answer } from './plan-process.ts';
import { AIM_RATIO, BUDGETS, MUST_RATIO } from './plan-targets.ts';

export interface Verdict {
  readonly must: boolean;
  readonly aim: boolean;
  /** What was missed, in words. */
  readonly missed: readonly string[];
}

const MOST_MB = 2000;

/** `percent`: which budget it is about. */
export function verdictOn(answer: Answer, percent: number): Verdict {
  const { target, empty, moves, seconds } = answer;
  const at = BUDGETS.findIndex((each) => each === percent);
  const musts = [
    fault(empty < target.mustEmpty[at]!, `${target.mustEmpty[at]} empty`),
    fault(seconds > target.mustSeconds, `${target.mustSeconds} s`),
    fault(empty <= (target.watcher?.[at] ?? -1), `more than Watcher's ${target.watcher?.[at]}`),
    fault(answer.rssMb > MOST_MB, `${MOST_MB} MB`),
    fault((answer.second ?? 0) > 0, `no move in a second run (${answer.second})`),
    fault(
      answer.violations.length > 0,
      `no violation (${answer.violations.length}: ${answer.violations[0]})`,
    ),
    fault(empty > answer.bound, `its bound of ${answer.bound}`),
    ...ratios(answer, MUST_RATIO),
  ].flat();
  const aims = [
    fault(empty < target.aimEmpty[at]!, `${target.aimEmpty[at]} empty`),
    fault(seconds > target.aimSeconds, `${target.aimSeconds} s`),
    fault(moves > (target.aimMoves?.[at] ?? Infinity), `${target.aimMoves?.[at]} moves`),
    ...ratios(answer, AIM_RATIO),
  ].flat();
  return {
    must: musts.length === 0,
    aim: musts.length + aims.length === 0,
    missed: musts.length > 0 ? musts.map((each) => `must: ${each}`) : aims.map((each) => `aim: ${each}`),
  };
}

function ratios(answer: Answer, { moves, makespan }: typeof MUST_RATIO): string[][] {
  if (!answer.target.isMeasuredByBounds) return [];
  return [
    fault(answer.moves > moves * answer.movesBound, `moves ≤ ${moves} × ${answer.movesBound}`),
    fault(
      answer.makespan > makespan * answer.makespanBound,
      `makespan ≤ ${makespan} × ${Math.round(answer.makespanBound)} s`,
    ),
  ];
}

function fault(isOne: boolean, what: string): string[] {
  return isOne ? [what] : [];
}
